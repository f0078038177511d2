package journal_test

import (
	"pgregory.net/rapid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

var modelSubjects = rapid.SampledFrom([]string{"customers/1", "customers/2", "accounts/000001", "accounts/000002", "accounts/000003"})

// version is that of a subject: the last event about it, an account's own included.
func (m *model) version(subject string) int64 {
	version := int64(m.subjects[subject])
	for n, a := range m.accounts {
		if subject == account.Subject(n) {
			version = max(version, a.Version)
		}
	}
	return version
}

// append appends events of another service, on a condition that holds or doesn't.
func (m *model) append(t *rapid.T) {
	f := renamed(rapid.SliceOfN(modelSubjects, 1, 4).Draw(t, "subjects")...)
	holds := true
	if rapid.IntRange(0, 3).Draw(t, "conditional") > 0 {
		subject := modelSubjects.Draw(t, "of")
		off := rapid.SampledFrom([]int64{0, 0, 0, 1, -1, -m.version(subject)}).Draw(t, "off by")
		f = on(f, subject, m.version(subject)+off)
		holds = off == 0
	}
	o := journal.Options{DryRun: rapid.IntRange(0, 4).Draw(t, "dry") == 0}
	outs, err := rapid.SampledFrom(m.nodes).Draw(t, "node").Append(t.Context(), f, o)
	if !holds {
		wantMismatch(t, err, f.Precondition.Subject, f.Precondition.Version, m.version(f.Precondition.Subject))
		return
	}
	if err != nil || len(outs) != len(f.Events) {
		t.Fatalf("%d outcomes, %v", len(outs), err)
	}
	for i, out := range outs {
		if out.Position != m.head+1+eventstore.Position(i) || out.Event.Subject != f.Events[i].Subject {
			t.Fatalf("%+v is at %d behind %d", f.Events[i], out.Position, m.head)
		}
	}
	if o.DryRun {
		return
	}
	for _, out := range outs {
		m.subjects[out.Event.Subject] = out.Position
	}
	m.head += eventstore.Position(len(outs))
}
