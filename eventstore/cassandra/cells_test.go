package cassandra

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"openpayment/eventstore"
)

// marshal is what the driver sends for a value in a column of that type.
func marshal(t testing.TB, typ gocql.TypeInfo, value any) []byte {
	t.Helper()
	b, err := gocql.Marshal(typ, value)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func columnOf(typ gocql.Type) gocql.TypeInfo { return gocql.NewNativeType(4, typ, "") }

func TestCellsAreWhatTheDriverWouldSend(t *testing.T) {
	text := columnOf(gocql.TypeVarchar)
	texts := gocql.CollectionType{NativeType: gocql.NewNativeType(4, gocql.TypeMap, ""), Key: text, Elem: text}
	id, at := uuid.New(), time.Now().UTC().Truncate(time.Millisecond)
	c := newCells(nil, "")
	type sent struct {
		typ   gocql.TypeInfo
		value any
		cell  *cell
	}
	for _, s := range []sent{
		{columnOf(gocql.TypeBigInt), int64(0), c.number(0)},
		{columnOf(gocql.TypeBigInt), int64(-1), c.number(-1)},
		{columnOf(gocql.TypeBigInt), int64(1)<<62 + 5, c.number(1<<62 + 5)},
		{columnOf(gocql.TypeTimestamp), at, c.number(at.UnixMilli())},
		{columnOf(gocql.TypeUUID), driverUUID(id), c.blob(id[:])},
		{columnOf(gocql.TypeBlob), []byte{0, 255}, c.blob([]byte{0, 255})},
		{text, "", c.text("")},
		{text, "Größe", c.text("Größe")},
		{text, strings.Repeat("x", 70_000), c.text(strings.Repeat("x", 70_000))},
		{texts, map[string]string{}, c.texts(nil)},
		{texts, map[string]string{"requestId": "é", "": ""}, c.texts(eventstore.MetaOf(map[string]string{"requestId": "é", "": ""}))},
	} {
		want, got := marshal(t, s.typ, s.value), marshal(t, s.typ, s.cell)
		if got == nil {
			t.Errorf("%v is sent as null", s.value)
		}
		// The order of a map's entries is the server's affair.
		if len(want) != len(got) || s.typ.Type() != gocql.TypeMap && !bytes.Equal(want, got) {
			t.Errorf("%.40q as %s: % x, the driver sends % x", fmt.Sprint(s.value), s.typ, got, want)
		}
	}
	var back map[string]string
	if err := gocql.Unmarshal(texts, c.texts(eventstore.MetaOf(map[string]string{"a": "b", "c": ""})).bytes, &back); err != nil || len(back) != 2 || back["a"] != "b" {
		t.Errorf("the driver reads %v, %v", back, err)
	}
}

func TestTheRowsOfABatchTakeOnePieceOfMemory(t *testing.T) {
	batch := make([]eventstore.Event, 50)
	for i := range batch {
		batch[i] = eventstore.Event{Seq: eventstore.Position(i + 1), Type: "t", Subject: "s", Data: "{}", Meta: eventstore.MetaOf(map[string]string{"k": "v", "l": ""})}
	}
	s := &Store{log: "main", bucketSize: 20_000}
	few := testing.AllocsPerRun(100, func() { s.statements(0, eventstore.Head{}, batch[:1], true) })
	many := testing.AllocsPerRun(100, func() { s.statements(0, eventstore.Head{}, batch, true) })
	if many > few {
		t.Errorf("%.0f allocations for %d rows, %.0f for one", many, len(batch), few)
	}
}

// BenchmarkStatements is what one event costs until the driver has the bytes to send.
func BenchmarkStatements(b *testing.B) {
	batch := make([]eventstore.Event, 400)
	for i := range batch {
		batch[i] = eventstore.Event{Seq: eventstore.Position(i + 1), Type: "account.updated", Subject: "accounts/12345678", Time: time.Now(),
			Meta: eventstore.MetaOf(map[string]string{"requestId": "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11"}), Data: `{"a":"` + strings.Repeat("x", 200) + `"}`}
	}
	text := columnOf(gocql.TypeVarchar)
	number, blob := columnOf(gocql.TypeBigInt), columnOf(gocql.TypeBlob)
	types := []gocql.TypeInfo{text, number, number, columnOf(gocql.TypeUUID), text, text, columnOf(gocql.TypeTimestamp),
		gocql.CollectionType{NativeType: gocql.NewNativeType(4, gocql.TypeMap, ""), Key: text, Elem: text}, text, blob}
	s := &Store{log: "main", bucketSize: 20_000}
	b.ReportAllocs()
	for b.Loop() {
		for _, st := range s.statements(0, eventstore.Head{}, batch, true)[1:] {
			for i, arg := range st.args {
				marshal(b, types[i], arg)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
}
