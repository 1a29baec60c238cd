package body

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A target takes the members of one body into a copy of the caller's struct.
type target struct {
	dst    reflect.Value
	copied reflect.Value
	fields []field
}

// A field is a member that the struct asks for.
type field struct {
	name    string // the only spelling that is accepted
	kind    kind
	pointer bool
	seen    bool
	value   reflect.Value // in the copy
}

// subject names f in a detail.
func (f *field) subject() string { return "The member " + strconv.Quote(f.name) }

// A kind is what a member is on the wire.
type kind string

const (
	kindString  kind = "a string"
	kindBool    kind = "true or false"
	kindInteger kind = "a whole number"
	kindList    kind = "a list of strings"
)

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// newTarget panics if dst is not a pointer to a struct of supported fields.
func newTarget(dst any) *target {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("body: the destination is %T, not a pointer to a struct", dst))
	}
	typ := v.Elem().Type()
	t := &target{dst: v.Elem(), copied: reflect.New(typ).Elem(), fields: make([]field, 0, typ.NumField())}
	t.copied.Set(t.dst)
	for i := range typ.NumField() {
		sf := typ.Field(i)
		tag := sf.Tag.Get("json")
		if tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		f, fault := newField(sf, tag)
		for _, other := range t.fields {
			if fault == "" && strings.EqualFold(other.name, f.name) {
				fault = "has the name of another field"
			}
		}
		if fault != "" {
			panic(fmt.Sprintf("body: field %s of %s %s", sf.Name, typ, fault))
		}
		f.value = t.copied.Field(i)
		t.fields = append(t.fields, f)
	}
	return t
}

// newField returns the member of a struct field, or what is wrong with it.
func newField(sf reflect.StructField, tag string) (f field, fault string) {
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case sf.Anonymous:
		return f, "is embedded: name its fields one by one"
	case name == "":
		return f, `needs a json tag with its name, or json:"-"`
	case strings.Contains(","+options+",", ",string,"):
		return f, "has the json option string, which is not supported"
	}
	f.name = name
	typ := sf.Type
	if typ.Kind() == reflect.Pointer {
		typ, f.pointer = typ.Elem(), true
	}
	if p := reflect.PointerTo(typ); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return f, "has an Unmarshal method, which would not be called: use a string and parse it"
	}
	switch typ.Kind() {
	case reflect.String:
		f.kind = kindString
	case reflect.Bool:
		f.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		f.kind = kindInteger
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.String && !f.pointer {
			f.kind = kindList
		}
	}
	if f.kind == "" {
		return f, fmt.Sprintf("is a %s: only string, bool, integers, pointers to these, and slices of strings are supported", sf.Type)
	}
	return f, ""
}

// member returns the field of a member, which must be known and new; a list of a
// form may come again.
func (t *target) member(name string, again bool) (*field, error) {
	hint := ""
	for i := range t.fields {
		f := &t.fields[i]
		switch {
		case f.name == name && !f.seen:
			f.begin()
			return f, nil
		case f.name == name && again && f.kind == kindList:
			return f, nil
		case f.name == name:
			return nil, invalid(f.subject() + " occurs more than once")
		case strings.EqualFold(f.name, name):
			hint = "; it is written " + strconv.Quote(f.name)
		}
	}
	return nil, unknown(name, hint)
}

// commit makes the copy the caller's.
func (t *target) commit() { t.dst.Set(t.copied) }

// begin marks f as seen. A list begins empty: the old elements, and the array
// behind them, belong to the caller.
func (f *field) begin() {
	f.seen = true
	if f.kind == kindList {
		f.value.Set(reflect.MakeSlice(f.value.Type(), 0, 0))
	}
}

// mismatch is the refusal of a value of another type.
func (f *field) mismatch() error {
	orNull := ""
	if f.pointer {
		orNull = " or null"
	}
	return invalid(f.subject() + " must be " + string(f.kind) + orNull)
}

func (f *field) setNull() { f.value.SetZero() }

func (f *field) setString(s string) { f.settable().SetString(s) }

func (f *field) setBool(b bool) { f.settable().SetBool(b) }

// setInteger takes the digits of a whole number as JSON writes it.
func (f *field) setInteger(digits string) error {
	v := f.settable()
	if v.CanUint() {
		n, err := strconv.ParseUint(digits, 10, v.Type().Bits())
		if err != nil {
			return invalid(f.subject() + " is out of range")
		}
		v.SetUint(n)
		return nil
	}
	n, err := strconv.ParseInt(digits, 10, v.Type().Bits())
	if err != nil {
		return invalid(f.subject() + " is out of range")
	}
	v.SetInt(n)
	return nil
}

// add appends to the list that begin made.
func (f *field) add(s string) {
	element := reflect.ValueOf(s).Convert(f.value.Type().Elem())
	f.value.Set(reflect.Append(f.value, element))
}

// settable returns the value to set. What a pointer points to belongs to the
// caller, so there is a new one behind it.
func (f *field) settable() reflect.Value {
	if !f.pointer {
		return f.value
	}
	f.value.Set(reflect.New(f.value.Type().Elem()))
	return f.value.Elem()
}
