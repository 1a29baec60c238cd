package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestAddresses(t *testing.T) {
	t.Run("a password is in no error", func(t *testing.T) {
		for _, db := range []string{"postgress://app:hunter2@db.example.com/app", "postgres://app:hunter2%@db.example.com/app", "mysql://app:hunter2%zz@db.example.com/app"} {
			if _, _, err := openDB(db); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", db, err)
			}
		}
		for _, address := range []string{"redis://app:hunter2%@redis.example.com", "redis://app:hunter2%@redis.example.com?addr=x:1", "http://app:hunter2@redis.example.com"} {
			if _, err := dialRedis(address); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", address, err)
			}
		}
	})
	t.Run("MariaDB is reached as the address says", func(t *testing.T) {
		u, err := url.Parse("mysql://app:p%2Fw%40%3A@db.example.com:3306/name?tls=true")
		if err != nil {
			t.Fatal(err)
		}
		c, err := mysql.ParseDSN(mysqlDSN(u))
		if err != nil {
			t.Fatal(err)
		}
		if c.User != "app" || c.Passwd != "p/w@:" || c.Addr != "db.example.com:3306" || c.DBName != "name" || c.TLSConfig != "true" || !c.InterpolateParams {
			t.Errorf("%+v", c)
		}
	})
}
