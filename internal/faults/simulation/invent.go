package simulation

import (
	"fmt"

	"openpayment/account"
	"openpayment/eventstore"
)

// number is that of one of the accounts there may be. For one that is closed another
// takes its place, mostly.
func (w *world) number() account.Number {
	for i := 1 + w.dice.IntN(w.profile.accounts); ; i += w.profile.accounts {
		n := account.Number(fmt.Sprintf("%06d", i))
		if a := w.oracle.now().Account(n); a == nil || a.Status == account.StatusOpen || w.dice.IntN(10) == 0 {
			return n
		}
	}
}

// invent makes up something to ask for.
func (w *world) invent() *operation {
	switch d := w.dice.IntN(100); {
	case d < 54:
		return &operation{how: execute, asked: []asked{w.command(w.chance(0.6))}}
	case d < 60:
		return w.foreign()
	case d < 70:
		o := &operation{how: executeAll, asked: w.several(false)}
		if w.chance(0.7) {
			o.key = w.key()
			for i := range o.asked {
				o.asked[i].key = o.key
			}
		}
		return o
	case d < 78:
		return &operation{how: each, asked: w.several(true)}
	case d < 82:
		return &operation{how: dryRun, asked: []asked{w.command(false)}}
	case d < 90:
		return &operation{how: readStrong, of: w.number()}
	case d < 92:
		return &operation{how: readEvents, pos: eventstore.Position(w.dice.IntN(int(w.store.position()) + 1))}
	case d < 95:
		return &operation{how: readBound, of: w.number(), pos: w.store.position()}
	}
	return &operation{how: readPast, of: w.number(), pos: eventstore.Position(w.dice.IntN(int(w.store.position()) + 1))}
}

// foreign makes up events of another service, mostly on a condition, which mostly holds.
func (w *world) foreign() *operation {
	o := &operation{how: appendThem}
	if w.chance(0.5) {
		o.key = w.key()
	}
	for range 1 + w.dice.IntN(2) {
		subject := fmt.Sprintf("customers/%d", 1+w.dice.IntN(2))
		o.foreign.Events = append(o.foreign.Events, eventstore.Proposal{Type: "customer.renamed", Subject: subject, Data: fmt.Sprintf(`{"n":%d}`, len(w.operations))})
		o.asked = append(o.asked, asked{key: o.key, text: "an event about " + subject})
	}
	if w.chance(0.7) {
		subject := choose(w.dice, o.foreign.Events[0].Subject, account.Subject(w.number()))
		o.foreign.Precondition = &account.Precondition{Subject: subject, Version: account.VersionOf(w.oracle.now(), subject)}
		if w.chance(0.2) {
			o.foreign.Precondition.Version++
		}
	}
	return o
}

// several makes up some commands; with keys, each has its own.
func (w *world) several(keyed bool) []asked {
	all := make([]asked, 2+w.dice.IntN(min(3, max(1, w.profile.batchEvents-1))))
	for i := range all {
		all[i] = w.command(false)
		if keyed {
			all[i].key = w.newKey()
		}
	}
	return all
}

// command makes up one. Most are possible, or nearly.
func (w *world) command(keyed bool) asked {
	var a asked
	n := w.number()
	amount := int64(1 + w.dice.IntN(50))
	current := w.oracle.now().Account(n)
	d := w.dice.IntN(100)
	if current == nil && d < 80 {
		d = 0
	}
	switch {
	case d < 4:
		a.command, a.text = account.Open{Number: string(n), SortCode: "10-20-30"}, "open "+string(n)
	case d < 30:
		a.command, a.text = account.Deposit{Account: n, Amount: 2 * amount, Currency: "GBP"}, fmt.Sprintf("deposit %d to %s", 2*amount, n)
	case d < 45:
		a.command, a.text = account.Withdraw{Account: n, Amount: amount, Currency: "GBP"}, fmt.Sprintf("withdraw %d from %s", amount, n)
	case d < 75:
		to := w.number()
		a.command, a.text = account.Transfer{From: n, To: to, Amount: amount, Currency: "GBP"}, fmt.Sprintf("transfer %d from %s to %s", amount, n, to)
	case d < 96:
		urls := []string{fmt.Sprintf("http://c/%d", w.dice.IntN(1000))}
		a.command, a.text = account.Update{Account: n, Match: w.match(current), CustomerURLs: &urls}, fmt.Sprintf("update %s", n)
	default:
		a.command, a.text = account.Close{Account: n, Match: w.match(current)}, fmt.Sprintf("close %s", n)
	}
	if keyed {
		a.key = w.key()
	}
	return a
}

// match is a precondition, mostly on the version there is.
func (w *world) match(a *account.Account) *account.Match {
	if a == nil || w.chance(0.4) {
		return nil
	}
	version := a.Version
	if w.chance(0.2) {
		version--
	}
	return &account.Match{Version: version}
}

// key is mostly a new one. Now and then it has been used before, for who knows what.
func (w *world) key() account.Key {
	if len(w.keys) > 0 && w.chance(0.1) {
		k := w.keys[w.dice.IntN(len(w.keys))]
		if w.chance(0.3) {
			k.Fingerprint[0]++
		}
		return k
	}
	return w.newKey()
}

func (w *world) newKey() account.Key {
	k := account.Key{Text: fmt.Sprintf("k%d", len(w.keys)+1)}
	k.Fingerprint[0] = 1
	w.keys = append(w.keys, k)
	return k
}

// prehistory fills the log with events of another service.
func (w *world) prehistory() {
	for i := range w.profile.history {
		ev := eventstore.Event{Seq: w.store.position() + 1, ID: w.newID(), Type: "order.placed", Subject: fmt.Sprintf("orders/%d", i%7),
			Time: w.oracle.time(), Data: "{}"}
		ev.Hash = ev.ChainHash(w.store.head().Hash)
		if err := w.store.append(w.store.head(), []eventstore.Event{ev}); err != nil {
			w.violated("%v", err)
		}
	}
	w.store.told = w.store.position()
}

// appendForeign puts an event of another service into the log, or, strange, one that
// a newer version of this one writes.
func (w *world) appendForeign(strange bool) {
	ev := eventstore.Event{Seq: w.store.position() + 1, ID: w.newID(), Type: "customer.renamed", Subject: "customers/1",
		Time: w.oracle.time(), Data: "{}"}
	if strange {
		w.happened["strange event"]++
		ev.Type, ev.Subject = "funds.frozen", account.Subject(w.number())
		w.strange = true
	}
	ev.Hash = ev.ChainHash(w.store.head().Hash)
	w.tell("another service appends %s", ev.Type)
	if err := w.store.append(w.store.head(), []eventstore.Event{ev}); err != nil {
		w.violated("%v", err)
	}
	w.store.told = ev.Seq
}
