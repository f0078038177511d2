package simulation

import (
	"errors"
	"reflect"
	"strconv"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// operation gives the one with this number, nil if there is none.
func (w *world) operation(number string) *operation {
	if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(w.operations) {
		return w.operations[n-1]
	}
	return nil
}

// follows holds an event that lands against the command that it must come of.
func (w *world) follows(ev eventstore.Event, number string, decoded account.Event) {
	o := w.operation(number)
	if o == nil || o.how == dryRun || len(o.asked) == 0 {
		w.violated("event %d comes of nothing that was asked for", ev.Seq)
		return
	}
	a := o.which(ev)
	if a == nil {
		w.violated("event %d is more than operation %d asked for", ev.Seq, o.number)
		return
	}
	switch {
	case a.landed != 0:
		w.violated("event %d is that of operation %d once more, which is event %d", ev.Seq, o.number, a.landed)
	case a.refused:
		w.violated("event %d is that of operation %d, which was answered that it is not done", ev.Seq, o.number)
	}
	a.landed = ev.Seq
	if o.how == appendThem {
		w.followsForeign(ev, o)
		return
	}
	valid, err := account.Check(a.command)
	var want account.Event
	if err == nil {
		want, err = valid.Decide(w.oracle.now())
	}
	if err != nil || !reflect.DeepEqual(want, decoded) {
		w.violated("event %d (%s %s) does not follow from %q at %d: %v", ev.Seq, ev.Type, ev.Data, a.text, w.oracle.last.Seq, err)
	}
}

// followsForeign is follows for an event of another service.
func (w *world) followsForeign(ev eventstore.Event, o *operation) {
	i := 0
	for i < len(o.asked) && o.asked[i].landed != ev.Seq {
		i++
	}
	want := o.foreign.Events[i]
	if ev.Type != want.Type || ev.Subject != want.Subject || ev.Data != want.Data || i > 0 && o.asked[i-1].landed != ev.Seq-1 {
		w.violated("event %d is not as operation %d asked for", ev.Seq, o.number)
	}
	if p := o.foreign.Precondition; i == 0 && p != nil {
		if is := account.VersionOf(w.oracle.now(), p.Subject); is != p.Version {
			w.violated("event %d wants the version of %s to be %d, and it is %d", ev.Seq, p.Subject, p.Version, is)
		}
	}
}

// which of the operation's commands led to an event.
func (o *operation) which(ev eventstore.Event) *asked {
	if o.how == each {
		for i := range o.asked {
			if o.asked[i].key.Text == ev.Meta.Get("idempotencyKey") {
				return &o.asked[i]
			}
		}
		return nil
	}
	for i := range o.asked {
		if o.asked[i].landed == 0 || i == len(o.asked)-1 {
			return &o.asked[i]
		}
	}
	return nil
}

// settle holds an answer against the log.
func (w *world) settle(o *operation, err error) {
	o.settled = true
	if errors.Is(err, errGone) {
		return
	}
	switch o.how {
	case each:
		for i, r := range o.results {
			w.judge(o, &o.asked[i], r.Outcome, r.Err)
		}
	case executeAll, appendThem:
		if err == nil {
			w.judgeAll(o)
			return
		}
		cause := err
		if b, ok := errors.AsType[*journal.BulkError](err); ok {
			cause = b.Err
		}
		for i := range o.asked {
			w.notDone(o, &o.asked[i], cause)
		}
		if r, refused := errors.AsType[*account.Refusal](err); refused {
			w.judgeRefusal(o, o.asked, r)
		}
	case execute:
		w.judge(o, &o.asked[0], o.outs[0], err)
	case dryRun:
		if r, refused := errors.AsType[*account.Refusal](err); refused || err == nil {
			w.judgeRefusal(o, o.asked, r)
		}
	default:
		if !w.regressed {
			w.judgeRead(o, err)
		}
	}
}

// judge judges the answer to one command.
func (w *world) judge(o *operation, a *asked, out journal.Outcome, err error) {
	if err == nil {
		w.judgeOutcome(o, a, out)
		return
	}
	w.notDone(o, a, err)
	if r, refused := errors.AsType[*account.Refusal](err); refused {
		w.judgeRefusal(o, []asked{*a}, r)
	}
}

// notDone judges an error: all but one kind say that nothing is stored, nor will be.
func (w *world) notDone(o *operation, a *asked, err error) {
	if eventstore.KindOf(err) == eventstore.KindUnknown {
		return
	}
	a.refused = true
	if a.landed != 0 && !o.lost {
		w.violated("operation %d was answered %v, but is event %d", o.number, err, a.landed)
	}
}

// judgeOutcome judges the news of a success.
func (w *world) judgeOutcome(o *operation, a *asked, out journal.Outcome) {
	if w.regressed && (o.lost || out.Replayed) {
		return // it was true before
	}
	if out.Position < 1 || out.Position > w.store.position() || !same(w.store.events[out.Position-1], out.Event) {
		w.violated("operation %d was answered with event %d, which is not in the log", o.number, out.Position)
		return
	}
	switch {
	case out.Replayed:
		if k := keyOf(out.Event); k != a.key {
			w.violated("operation %d with key %s was answered with event %d, of key %q", o.number, a.key.Text, out.Position, k.Text)
		}
	case a.landed != out.Position:
		w.violated("operation %d was answered with event %d, but its own is %d", o.number, out.Position, a.landed)
	}
	if out.Account == nil {
		return
	}
	if want := w.oracle.atPosition(out.Position).Account(out.Account.Number); !reflect.DeepEqual(want, out.Account) {
		w.violated("operation %d was answered with %+v, and the account was %+v", o.number, *out.Account, want)
	}
}

func same(a, b eventstore.Event) bool {
	return a.ID == b.ID && a.Seq == b.Seq && a.Hash == b.Hash && a.Data == b.Data
}

// judgeAll judges the success of an operation that is decided as a whole.
func (w *world) judgeAll(o *operation) {
	for i, out := range o.outs {
		a := &o.asked[min(i, len(o.asked)-1)] // of a key that was used for more, they are more
		w.judgeOutcome(o, a, out)
		if i > 0 && out.Position != o.outs[i-1].Position+1 {
			w.violated("operation %d: something stands between events %d and %d", o.number, o.outs[i-1].Position, out.Position)
		}
	}
	if !o.outs[0].Replayed && len(o.outs) != len(o.asked) {
		w.violated("operation %d was answered with %d events", o.number, len(o.outs))
	}
}

// judgeRefusal wants a refusal (nil: an acceptance without an event) to have been true
// at some moment between question and answer.
func (w *world) judgeRefusal(o *operation, all []asked, r *account.Refusal) {
	if r != nil && r.Code == account.CodeKeyReused {
		for _, a := range all {
			for _, f := range w.oracle.past[a.key.Text] {
				if f != a.key.Fingerprint {
					return
				}
			}
		}
		w.violated("operation %d was answered that its key was used otherwise, which is not so", o.number)
		return
	}
	if w.regressed {
		return
	}
	for h := o.began; h <= w.store.position(); h++ {
		if p := o.foreign.Precondition; p != nil {
			if account.VersionOf(w.oracle.atPosition(h), p.Subject) != p.Version {
				return
			}
		} else if decides(account.NewDraft(w.oracle.atPosition(h)), int64(h), all, r) {
			return
		}
	}
	code := "acceptance"
	if r != nil {
		code = string(r.Code)
	}
	w.violated("operation %d was answered with %s, which was true at no head from %d to %d", o.number, code, o.began, w.store.position())
}

// decides tells whether commands, one after another, lead to a refusal like r.
func decides(draft *account.Draft, at int64, all []asked, r *account.Refusal) bool {
	for _, a := range all {
		ev, err := account.Decide(draft, a.command)
		if got, refused := errors.AsType[*account.Refusal](err); refused {
			return r != nil && got.Code == r.Code
		}
		at++
		if err := draft.Apply(ev, account.Stamp{Seq: at}); err != nil {
			return false
		}
	}
	return r == nil
}

// judgeRead holds what was read against what was true.
func (w *world) judgeRead(o *operation, err error) {
	r, refused := errors.AsType[*account.Refusal](err)
	if err != nil && !refused {
		return
	}
	from := o.pos
	switch o.how {
	case readEvents:
		for i, ev := range o.events {
			if at := o.pos + eventstore.Position(i); at >= w.store.position() || !same(w.store.events[at], ev) {
				w.violated("operation %d read another event than that at %d", o.number, at+1)
			}
		}
		return
	case readPast:
		if want := w.oracle.atPosition(o.pos).Account(o.of); refused != (want == nil) || !refused && !reflect.DeepEqual(want, o.account) {
			w.violated("operation %d read %+v (%v) of %d; it was %+v", o.number, o.account, err, o.pos, want)
		}
		return
	case readStrong:
		from = o.began
	}
	for h := from; h <= w.store.position(); h++ {
		want, wantErr := account.Lookup(w.oracle.atPosition(h), o.of)
		if !refused && wantErr == nil && reflect.DeepEqual(want, o.account) {
			return
		}
		if wr, no := errors.AsType[*account.Refusal](wantErr); no && refused && wr.Code == r.Code {
			return
		}
	}
	w.violated("operation %d read %+v (%v), which was true at no head from %d on", o.number, o.account, err, from)
}
