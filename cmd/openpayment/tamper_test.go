package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
)

// neverWrong starts a service on a log that was tampered with, and wants it to
// serve the right state, or nothing.
func neverWrong(t *testing.T, store, right string) {
	t.Helper()
	p := launch(t, "--store", store, "--snapshot-at-shutdown=false", "--head-check", "200ms")
	defer p.Kill()
	p.Eventually("it is ready, or knows that the log is damaged", func() bool {
		a, err := p.do("GET", "/readyz", "")
		return err == nil && (a.status == http.StatusOK || a.get(t, "code") == "log-damaged")
	})
	if status, _ := p.try("GET", "/readyz", ""); status == http.StatusOK {
		if got := p.state(); got != right {
			t.Errorf("a wrong state is served:\ngot  %s\nwant %s", got, right)
		}
		return
	}
	p.refusesAll()
}

// refusesAll wants no read and no command to be answered, because the log is
// damaged.
func (p *process) refusesAll() {
	p.T.Helper()
	for _, path := range []string{"/v1/accounts", "/v1/accounts/" + aNumber(1), "/v1/events", "/v1/events/1"} {
		if a := p.must(http.StatusServiceUnavailable, "GET", path, ""); a.get(p.T, "code") != "log-damaged" {
			p.T.Errorf("%s: %s", path, a.body)
		}
	}
	if a := p.must(http.StatusServiceUnavailable, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`); a.get(p.T, "code") != "log-damaged" {
		p.T.Errorf("%s", a.body)
	}
}

// TestWhateverRowIsTamperedWithItIsNamedAndNoWrongStateIsServed does it before the
// snapshot, which was taken at event 5, and behind it.
func TestWhateverRowIsTamperedWithItIsNamedAndNoWrongStateIsServed(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.open(1, 5)
		p.snapshot()
		p.open(6, 10)
		right := p.state()
		p.Kill()
		x, events := tamper(t, store), eventsIn(t, store)
		for name, does := range map[string]func(seq int) (named string){
			"a changed text in data": func(seq int) string {
				x.data(seq, strings.Replace(events[seq-1].Data, "10-20-", "10-21-", 1))
				return fmt.Sprintf("%d changed", seq)
			},
			"a deleted row": func(seq int) string {
				x.remove(seq)
				return fmt.Sprintf("%d missing", seq)
			},
			"two swapped rows": func(seq int) string {
				x.put(seq, events[seq])
				x.put(seq+1, events[seq-1])
				return fmt.Sprintf("%d misplaced, %d misplaced", seq, seq+1)
			},
			"a changed hash": func(seq int) string {
				x.exec("hash = ?", "seq = ?", x.hash(eventstore.Hash{1}), int64(seq))
				return fmt.Sprintf("%d hash-changed", seq)
			},
		} {
			for _, seq := range []int{2, 4, 5, 6, 8} {
				t.Run(fmt.Sprintf("%s at %d", name, seq), func(t *testing.T) {
					defer func() {
						x.undo(events[seq-1])
						x.undo(events[seq])
					}()
					want := does(seq)
					if got := told(verified(t, store, exitFailed).Faults); got != want {
						t.Errorf("log verify names %q, not %q", got, want)
					}
					neverWrong(t, store, right)
				})
			}
		}
		if r := verified(t, store, exitOK); !r.Intact {
			t.Errorf("not as it was: %+v", r)
		}
	})
}

func TestAnEndCutOffBehindASnapshotIsNamedAndNothingIsServed(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.open(1, 4)
		state := p.state()
		p.open(5, 6)
		id := p.snapshot()
		p.Kill()
		x := tamper(t, store)
		x.cut(eventsIn(t, store), 4)

		r := verified(t, store, exitFailed)
		if got := told(r.Faults); got != "5-6 cut-off" || r.Head.Seq != 4 {
			t.Errorf("log verify names %q, and the head %d", got, r.Head.Seq)
		}
		if r.Faults[0].Kind != audit.CutOff || !strings.Contains(r.Faults[0].Detail, "ends at event 4") || !strings.Contains(r.Faults[0].Detail, id.String()) {
			t.Errorf("%+v", r.Faults)
		}
		bad := fail(t, exitFailed, "services pass over them", "snapshot", "verify", "--store", store)
		if !strings.Contains(bad.stdout, "ends at event 4") || !strings.Contains(bad.stdout, "taken at event 6") {
			t.Error(bad.stdout)
		}

		p = launch(t, "--store", store)
		p.Eventually("it knows", func() bool {
			a, err := p.do("GET", "/readyz", "")
			return err == nil && a.get(t, "code") == "log-damaged"
		})
		p.refusesAll()
		p.Eventually("it says what to do", func() bool {
			lines := p.logged("snapshot passed over: see the error")
			return len(lines) == 1 && strings.Contains(fmt.Sprint(lines[0]["error"]), "openpayment snapshot delete")
		})
		p.Kill()

		if out := succeed(t, "snapshot", "delete", "--beyond-head", "--store", store); !strings.Contains(out, id.String()) {
			t.Error(out)
		}
		p = start(t, "--store", store)
		p.restoredAt(0)
		if got := p.state(); got != state {
			t.Errorf("got  %s\nwant %s", got, state)
		}
	})
}
