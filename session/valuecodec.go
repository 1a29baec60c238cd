package session

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// valueCodec encodes the values of an application: basic types in a few bytes
// each, everything else by encoding/gob, which needs gob.Register as it does
// with scs. It takes a small part of the time of gob, which sends a description
// of every type with every session. Types come back exactly as they went in.
type valueCodec struct{ names nameTable }

// The kinds of encoded values. They are stored: never change one.
const (
	kindNil byte = iota
	kindFalse
	kindTrue
	kindInt
	kindInt64
	kindInt32
	kindUint64
	kindFloat64
	kindString
	kindBytes
	kindTime
	kindStrings
	kindGob
)

const valuesVersion = 1

// boxed lets gob see an interface, so that it sends the name of the type.
type boxed struct{ V any }

// Encode implements scs.Codec. Equal values have equal encodings, as far as gob
// is not involved.
func (*valueCodec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	b := make([]byte, 0, 64)
	b = append(b, valuesVersion)
	b = binary.AppendUvarint(b, uint64(len(values)))
	if len(values) == 1 {
		for name, v := range values {
			return appendValue(b, name, v)
		}
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if b, err = appendValue(b, name, values[name]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendValue(b []byte, name string, value any) ([]byte, error) {
	b = appendString(b, name)
	switch v := value.(type) {
	case nil:
		return append(b, kindNil), nil
	case bool:
		if v {
			return append(b, kindTrue), nil
		}
		return append(b, kindFalse), nil
	case int:
		return binary.AppendVarint(append(b, kindInt), int64(v)), nil
	case int64:
		return binary.AppendVarint(append(b, kindInt64), v), nil
	case int32:
		return binary.AppendVarint(append(b, kindInt32), int64(v)), nil
	case uint64:
		return binary.AppendUvarint(append(b, kindUint64), v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, kindFloat64), math.Float64bits(v)), nil
	case string:
		return appendString(append(b, kindString), v), nil
	case []byte:
		return appendString(append(b, kindBytes), v), nil
	case time.Time:
		raw, err := v.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		return appendString(append(b, kindTime), raw), nil
	case []string:
		return appendStrings(append(b, kindStrings), v), nil
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(boxed{value}); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return appendString(append(b, kindGob), buf.Bytes()), nil
}

// Decode implements scs.Codec. The deadline is not in there.
func (c *valueCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	if len(b) == 0 || len(b) > MaxRecordSize || b[0] != valuesVersion {
		return time.Time{}, nil, ErrCorrupt
	}
	d := valueDecoder{decoder[[]byte]{rest: b[1:]}}
	n := d.count(d.uvarint(), 2)
	values := make(map[string]any, n)
	for range n {
		name := c.names.text(d.bytes())
		v, err := d.value()
		if err != nil {
			return time.Time{}, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		values[name] = v
	}
	if d.bad || len(d.rest) > 0 || len(values) != n {
		return time.Time{}, nil, ErrCorrupt
	}
	return time.Time{}, values, nil
}

type valueDecoder struct{ decoder[[]byte] }

func (d *valueDecoder) value() (any, error) {
	if len(d.rest) == 0 {
		d.fail()
		return nil, nil
	}
	kind := d.rest[0]
	d.rest = d.rest[1:]
	switch kind {
	case kindNil:
		return nil, nil
	case kindFalse:
		return false, nil
	case kindTrue:
		return true, nil
	case kindInt:
		return d.integer(math.MinInt, math.MaxInt, func(v int64) any { return int(v) }), nil
	case kindInt64:
		return d.varint(), nil
	case kindInt32:
		return d.integer(math.MinInt32, math.MaxInt32, func(v int64) any { return int32(v) }), nil //nolint:gosec // in range
	case kindUint64:
		return d.uvarint(), nil
	case kindFloat64:
		if len(d.rest) < 8 {
			d.fail()
			return nil, nil
		}
		v := math.Float64frombits(binary.BigEndian.Uint64(d.rest))
		d.rest = d.rest[8:]
		return v, nil
	case kindString:
		return d.text(), nil
	case kindBytes:
		return append([]byte{}, d.bytes()...), nil
	case kindTime:
		var t time.Time
		err := t.UnmarshalBinary(d.bytes())
		return t, err
	case kindStrings:
		return d.strings(), nil
	case kindGob:
		var box boxed
		err := gob.NewDecoder(bytes.NewReader(d.bytes())).Decode(&box)
		return box.V, err
	}
	d.fail()
	return nil, nil
}

// integer reads a number that must fit the type it is given back as.
func (d *valueDecoder) integer(low, high int64, as func(int64) any) any {
	v := d.varint()
	if v < low || v > high {
		d.fail()
		return nil
	}
	return as(v)
}
