package cassandra

import (
	"maps"
	"reflect"
	"testing"

	"github.com/gocql/gocql"

	"openpayment/eventstore"
)

// metaType is the column's, as the driver knows it.
var metaType = gocql.CollectionType{
	NativeType: gocql.NewNativeType(4, gocql.TypeMap, ""),
	Key:        gocql.NewNativeType(4, gocql.TypeVarchar, ""),
	Elem:       gocql.NewNativeType(4, gocql.TypeVarchar, ""),
}

// FuzzMetaIsReadAsByTheDriver: whatever comes, both read the same, or neither does.
func FuzzMetaIsReadAsByTheDriver(f *testing.F) {
	for _, meta := range []map[string]string{nil, {}, {"a": "b"}, {"": "", "requestId": "0198c3f2", "é": "\x00"}} {
		data, err := gocql.Marshal(metaType, meta)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(append(data, 0))
		f.Add(data[:max(0, len(data)-1)])
	}
	f.Add([]byte{0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'x'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0xff, 0xff, 0, 0, 0, 1, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 3 && (data[0] != 0 || data[1] != 0) {
			return // the driver makes room for as many as it is told of
		}
		var want map[string]string
		wrong := gocql.Unmarshal(metaType, data, &want)
		got := metaColumn{{Name: "of", Value: "the row before"}}
		err := gocql.Unmarshal(metaType, data, &got)
		if (err == nil) != (wrong == nil) || err == nil && !maps.Equal(eventstore.Meta(got).Map(), want) {
			t.Errorf("%v is read as %v (%v), by the driver %v (%v)", data, got, err, want, wrong)
		}
	})
}

func TestEveryRowSetsAllOfItsColumns(t *testing.T) {
	bigint, blob, text := gocql.NewNativeType(4, gocql.TypeBigInt, ""), gocql.NewNativeType(4, gocql.TypeBlob, ""), gocql.NewNativeType(4, gocql.TypeVarchar, "")
	hash := make([]byte, 32)
	hash[31] = 7
	var head headColumn
	var sum hashColumn
	var kind kindColumn
	for i, row := range []struct {
		head, hash, kind []byte
		want             []any
	}{
		{[]byte{0, 0, 0, 0, 0, 0, 1, 2}, hash, []byte("a.b"), []any{headColumn{258, true}, true, kindColumn("a.b")}},
		{nil, nil, []byte("a.b"), []any{headColumn{}, false, kindColumn("a.b")}},
		{[]byte{0, 0, 0, 0, 0, 0, 0, 3}, hash[:31], []byte("a.c"), []any{headColumn{3, true}, false, kindColumn("a.c")}},
		{nil, append(hash, 0), nil, []any{headColumn{}, false, kindColumn("")}},
	} {
		for _, err := range []error{gocql.Unmarshal(bigint, row.head, &head), gocql.Unmarshal(blob, row.hash, &sum), gocql.Unmarshal(text, row.kind, &kind)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := []any{head, sum.whole, kind}; !reflect.DeepEqual(got, row.want) {
			t.Errorf("row %d is %v, want %v", i, got, row.want)
		}
		if sum.whole && sum.hash[31] != 7 {
			t.Errorf("row %d has the hash %v", i, sum.hash)
		}
	}
	if err := gocql.Unmarshal(bigint, []byte{1}, &head); err == nil {
		t.Error("one byte is a head")
	}
}
