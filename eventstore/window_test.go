package eventstore

import (
	"testing"

	"github.com/google/uuid"
)

func chain(head Head, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{Seq: head.Position + 1, ID: uuid.UUID{byte(i)}, Type: "t", Subject: "s", Data: "{}"}
		events[i].Hash = events[i].ChainHash(head.Hash)
		head = events[i].Head()
	}
	return events
}

func TestAWindowHandsOutExactlyWhatFollowsTheCursor(t *testing.T) {
	events := chain(Head{}, 100)
	base := events[9].Head()
	w := newWindow(base, 8, 1<<20)
	for _, n := range []int{1, 3, 2, 20, 1, 7, 8, 9} {
		at := w.position().Position
		if added := w.push(events[at : at+Position(n)]); added != n {
			t.Fatalf("added %d of %d", added, n)
		}
		head := w.position()
		if head != events[at+Position(n)-1].Head() {
			t.Fatalf("the head is %d", head.Position)
		}
		held := 0
		for cursor := base.Position; cursor <= head.Position; cursor++ {
			got, ok, _ := w.after(cursor)
			if !ok {
				continue
			}
			held++
			for i, ev := range got {
				if want := cursor + Position(i) + 1; ev.Seq != want {
					t.Fatalf("behind %d stands %d, want %d", cursor, ev.Seq, want)
				}
			}
			if last := cursor + Position(len(got)); last != head.Position {
				t.Fatalf("behind %d the window ends at %d, want %d", cursor, last, head.Position)
			}
		}
		if held < 2 || held > 9 {
			t.Errorf("%d cursors are held by a window of at most 8 events", held)
		}
	}
}

func TestAWindowTakesNothingTwiceAndNothingAfterAGap(t *testing.T) {
	events := chain(Head{}, 10)
	w := newWindow(Head{}, 100, 1<<20)
	w.push(events[:4])
	for _, c := range []struct{ from, to, added int }{{0, 4, 0}, {2, 6, 2}, {7, 9, 0}, {6, 10, 4}, {10, 10, 0}} {
		if added := w.push(events[c.from:c.to]); added != c.added {
			t.Errorf("pushing %d to %d added %d, want %d", c.from+1, c.to, added, c.added)
		}
	}
}

func TestAWindowKeepsToItsBytes(t *testing.T) {
	events := chain(Head{}, 50)
	size := events[0].Size()
	w := newWindow(Head{}, 1000, 10*size)
	for i := range events {
		w.push(events[i : i+1])
		if w.bytes > 10*size || w.bytes != len(w.events)*size {
			t.Fatalf("%d events take %d bytes, %d are allowed", len(w.events), w.bytes, 10*size)
		}
	}
}
