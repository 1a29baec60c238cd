package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// One text serves all servers; what is raced for is a transaction.
func Example() {
	server := &fake{}
	pool := sql.OpenDB(server)
	defer pool.Close()

	db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = db.Tx(ctx, sqldb.TxOptions{}, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE {keys} SET revoked_at = ? WHERE id = ? AND revoked_at = 0", 1, "k"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO {audit} (at, id) VALUES (?, ?)", 1, "k")
		return err
	})
	fmt.Println(err)
	for _, statement := range server.log {
		fmt.Println(statement)
	}
	// Output:
	// <nil>
	// BEGIN ISOLATION LEVEL READ COMMITTED
	// UPDATE "auth_keys" SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0
	// INSERT INTO "auth_audit" (at, id) VALUES ($1, $2)
	// COMMIT
}
