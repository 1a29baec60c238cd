package sqldb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A step is one migration file in the words of one dialect.
type step struct {
	version    int
	name       string
	sum        [sha256.Size]byte // of the file as it was written, not as rendered
	statements []statement
}

var stepName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]{1,40})(?:\.(sqlite|postgresql|mysql))?\.sql$`)

// loadSteps reads the files *.sql of all folders. A file for the dialect goes
// before one for all.
func loadSteps(n names, files fs.FS) ([]step, error) {
	if files == nil {
		return nil, errors.New("sqldb: there are no migration files: the fs.FS is nil")
	}
	chosen := make(map[int]string)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".sql" {
			return err
		}
		return choose(chosen, n.dialect, name)
	})
	if err != nil {
		return nil, err
	}
	steps := make([]step, 0, len(chosen))
	for version := 1; version <= len(chosen); version++ {
		name, found := chosen[version]
		if !found {
			return nil, fmt.Errorf("sqldb: migration %04d is missing for %s: they are numbered from 0001 without gaps", version, n.dialect)
		}
		s, err := loadStep(n, files, name, version)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return nil, errors.New("sqldb: there are no migration files *.sql")
	}
	return steps, nil
}

// choose notes name if it is for the dialect.
func choose(chosen map[int]string, d Dialect, name string) error {
	parts := stepName.FindStringSubmatch(path.Base(name))
	if parts == nil {
		return fmt.Errorf("sqldb: %s is no name for a migration: use 0001_create.sql, or 0002_index.mysql.sql for one dialect", name)
	}
	dialect := parts[3]
	if dialect != "" && dialect != strings.ToLower(d.String()) {
		return nil
	}
	version, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	old, taken := chosen[version]
	if taken && (stepName.FindStringSubmatch(path.Base(old))[3] == "") == (dialect == "") {
		return fmt.Errorf("sqldb: %s and %s have the same number", old, name)
	}
	if !taken || dialect != "" {
		chosen[version] = name
	}
	return nil
}

func loadStep(n names, files fs.FS, name string, version int) (step, error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return step{}, err
	}
	// Some version control systems change the ends of lines on some machines.
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	s := step{version: version, name: stepName.FindStringSubmatch(path.Base(name))[2], sum: sha256.Sum256(src)}
	if s.statements, err = n.all(string(src)); err != nil {
		return step{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(s.statements) == 0 {
		return step{}, fmt.Errorf("sqldb: %s has no statement", name)
	}
	if slices.ContainsFunc(s.statements, func(st statement) bool { return st.args > 0 }) {
		return step{}, fmt.Errorf("sqldb: %s has a ? outside strings, and a migration has no arguments", name)
	}
	upper := bytes.ToUpper(src)
	if bytes.Count(upper, []byte("CREATE TABLE")) != bytes.Count(src, []byte("{OPTIONS}")) {
		return step{}, fmt.Errorf("sqldb: %s: end each CREATE TABLE (…) with {OPTIONS}, or MySQL may choose an engine without transactions", name)
	}
	return s, nil
}
