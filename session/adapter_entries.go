package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
)

// entries reads and writes what an adapter keeps in a store of scs. An entry that
// cannot be read counts as one that is not there, which signs out.
type entries struct {
	plain scs.Store
	ctx   scs.CtxStore // the same, if it can
}

// A pass is what a session needs besides its record: which id is the right one,
// and the number of the generation in which it was given.
type pass struct {
	id     ID
	number [16]byte
}

// A generation is shared by the passes of a user. The zero value is none.
type generation struct {
	number [16]byte
	expiry int64  // in Unix milliseconds
	spared string // the public id of a session that is older and lives all the same
}

const entryVersion = 1

// entryKey is as long as a key of scs, for tables that have room for no more.
func entryKey(kind byte, of string) string {
	h := sha256.Sum256(append([]byte{kind}, of...))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func recordKey(id ID) string         { return entryKey('r', string(id[:])) }
func passKey(publicID string) string { return entryKey('p', publicID) }
func generationKey(b Bucket) string  { return entryKey('g', string(b[:])) }
func listKey(b Bucket) string        { return entryKey('l', string(b[:])) }

// record returns the record of id, whether or not it has a pass. The expiry is
// kept with it, for stores that are not exact.
func (e entries) record(ctx context.Context, id ID) (*Record, error) {
	b, err := e.get(ctx, recordKey(id))
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, ErrNoSession
	case len(b) < 9 || b[0] != entryVersion:
		return nil, fmt.Errorf("%w: %w", ErrNoSession, ErrCorrupt)
	case time.Now().UnixNano() >= int64(binary.BigEndian.Uint64(b[1:])): //nolint:gosec // what setRecord wrote
		return nil, ErrNoSession
	}
	rec := new(Record)
	if err := rec.UnmarshalBinary(b[9:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	return rec, nil
}

func (e entries) setRecord(ctx context.Context, id ID, rec *Record, expiry time.Time) error {
	b := binary.BigEndian.AppendUint64([]byte{entryVersion}, uint64(expiry.UnixNano()))
	b, err := rec.AppendBinary(b)
	if err != nil {
		return err
	}
	return e.set(ctx, recordKey(id), b, expiry)
}

func (e entries) pass(ctx context.Context, publicID string) (p pass, ok bool, err error) {
	b, err := e.get(ctx, passKey(publicID))
	if err != nil || len(b) != 1+len(p.id)+len(p.number) || b[0] != entryVersion {
		return pass{}, false, err
	}
	copy(p.number[:], b[1+copy(p.id[:], b[1:]):])
	return p, true, nil
}

func (e entries) setPass(ctx context.Context, publicID string, p pass, expiry time.Time) error {
	b := append([]byte{entryVersion}, p.id[:]...)
	return e.set(ctx, passKey(publicID), append(b, p.number[:]...), expiry)
}

func (e entries) generation(ctx context.Context, bucket Bucket) (generation, error) {
	b, err := e.get(ctx, generationKey(bucket))
	var g generation
	if err != nil || len(b) < 1+len(g.number) || b[0] != entryVersion {
		return generation{}, err
	}
	d := decoder[[]byte]{rest: b[1+copy(g.number[:], b[1:]):]}
	g.expiry = d.varint()
	g.spared = d.text()
	if d.bad || len(d.rest) > 0 {
		return generation{}, nil
	}
	return g, nil
}

// setGeneration begins a new generation, which ends the sessions of all before.
func (e entries) setGeneration(ctx context.Context, bucket Bucket, spared string) (generation, error) {
	expiry := time.Now().Add(generationLife)
	g := generation{expiry: expiry.UnixMilli(), spared: spared}
	_, _ = rand.Read(g.number[:]) // never fails
	b := append([]byte{entryVersion}, g.number[:]...)
	b = binary.AppendVarint(b, g.expiry)
	return g, e.set(ctx, generationKey(bucket), appendString(b, spared), expiry)
}

// list returns the public ids of the sessions in a bucket, and of some that have
// ended. Of a list that is broken it returns what can be read.
func (e entries) list(ctx context.Context, bucket Bucket) ([]string, error) {
	b, err := e.get(ctx, listKey(bucket))
	if err != nil || len(b) == 0 || b[0] != entryVersion {
		return nil, err
	}
	d := decoder[[]byte]{rest: b[1:]}
	return d.strings(), nil
}

func (e entries) setList(ctx context.Context, bucket Bucket, ids []string, expiry time.Time) error {
	return e.set(ctx, listKey(bucket), appendStrings([]byte{entryVersion}, ids), expiry)
}

// get returns an entry, or nil if there is none.
func (e entries) get(ctx context.Context, key string) (b []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ok bool
	if e.ctx != nil {
		b, ok, err = e.ctx.FindCtx(ctx, key)
	} else {
		b, ok, err = e.plain.Find(key)
	}
	if err != nil {
		return nil, fmt.Errorf("scs store: find: %w", err)
	}
	if !ok {
		return nil, nil
	}
	return b, nil
}

func (e entries) set(ctx context.Context, key string, b []byte, expiry time.Time) error {
	err := ctx.Err()
	switch {
	case err != nil:
		return err
	case e.ctx != nil:
		err = e.ctx.CommitCtx(ctx, key, b, expiry)
	default:
		err = e.plain.Commit(key, b, expiry)
	}
	if err != nil {
		return fmt.Errorf("scs store: commit: %w", err)
	}
	return nil
}

func (e entries) delete(ctx context.Context, key string) error {
	err := ctx.Err()
	switch {
	case err != nil:
		return err
	case e.ctx != nil:
		err = e.ctx.DeleteCtx(ctx, key)
	default:
		err = e.plain.Delete(key)
	}
	if err != nil {
		return fmt.Errorf("scs store: delete: %w", err)
	}
	return nil
}
