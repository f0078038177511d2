package journal

import (
	"strings"
	"testing"
)

func TestWhatIsWrittenOfPlainTextIsReadWithoutTheLibrary(t *testing.T) {
	for name, ev := range Stored {
		p, err := Encode(ev, nil)
		if err != nil {
			t.Fatal(err)
		}
		data, ok := known.byName[p.Type].write(ev), false
		switch data.(type) {
		case openedV1:
			ok = readsPlainly(new(openedV1), p.Data)
		case updatedV1:
			ok = readsPlainly(new(updatedV1), p.Data)
		case closedV1:
			ok = readsPlainly(new(closedV1), p.Data)
		case movedV1:
			ok = readsPlainly(new(movedV1), p.Data)
		case transferredV1:
			ok = readsPlainly(new(transferredV1), p.Data)
		}
		isPlain := !strings.ContainsFunc(p.Data, func(r rune) bool { return r == '\\' || r > '~' })
		if ok != isPlain {
			t.Errorf("%s is read: %t, want %t: %s", name, ok, isPlain, p.Data)
		}
	}
}

func readsPlainly(f plainForm, data string) bool {
	p := plain{rest: data}
	f.readPlain(&p)
	return p.done()
}
