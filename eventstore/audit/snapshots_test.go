package audit_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/audit"
)

// at is a snapshot that was taken when the log ended there.
func (t *table) at(p eventstore.Position) eventstore.Manifest {
	ev := t.rows[p]
	return eventstore.Manifest{
		ID: uuid.Must(uuid.NewV7()), At: eventstore.Tail{Head: ev.Head(), Time: ev.Time},
	}.Sealed()
}

// cut removes everything behind p, the head included.
func (t *table) cut(p eventstore.Position) {
	for seq := range t.rows {
		if seq > p {
			delete(t.rows, seq)
		}
	}
	t.head = t.rows[p].Head()
}

// rewrite changes the event at p, and all hashes from there on.
func (t *table) rewrite(p eventstore.Position) {
	t.change(p, func(ev *eventstore.Event) { ev.Data = `{"n":"forged"}` })
	prev := t.rows[p-1].Hash
	for seq := p; seq <= t.head.Position; seq++ {
		t.change(seq, func(ev *eventstore.Event) { ev.Hash = ev.ChainHash(prev) })
		prev = t.rows[seq].Hash
	}
	t.head.Hash = prev
}

func TestSnapshotsShowWhatTheLogAloneCannot(t *testing.T) {
	for name, c := range map[string]struct {
		taken  []eventstore.Position
		tamper func(*table)
		cfg    audit.Config
		want   string
	}{
		"nothing is wrong":                        {[]eventstore.Position{5, 20}, func(*table) {}, audit.Config{}, ""},
		"an end cut off":                          {[]eventstore.Position{5, 15, 20}, func(t *table) { t.cut(12) }, audit.Config{}, "13-20 cut-off"},
		"one event cut off":                       {[]eventstore.Position{20}, func(t *table) { t.cut(19) }, audit.Config{}, "20 cut-off"},
		"an end cut off behind the snapshot":      {[]eventstore.Position{12}, func(t *table) { t.cut(12) }, audit.Config{}, ""},
		"an end cut off, where it isn't looked":   {[]eventstore.Position{20}, func(t *table) { t.cut(12) }, audit.Config{Last: 10}, ""},
		"a history rewritten before the snapshot": {[]eventstore.Position{15}, func(t *table) { t.rewrite(8) }, audit.Config{}, "15 rewritten"},
		"a history rewritten at the snapshot":     {[]eventstore.Position{15}, func(t *table) { t.rewrite(15) }, audit.Config{}, "15 rewritten"},
		"a history rewritten behind the snapshot": {[]eventstore.Position{15}, func(t *table) { t.rewrite(16) }, audit.Config{}, ""},
		"a rewritten history, not looked at":      {[]eventstore.Position{15}, func(t *table) { t.rewrite(8) }, audit.Config{First: 16}, ""},
		"a row changed is told once":              {[]eventstore.Position{15}, func(t *table) { t.change(15, func(ev *eventstore.Event) { ev.Data = "{}" }) }, audit.Config{}, "15 changed"},
		"both, in order": {[]eventstore.Position{5, 20}, func(t *table) { t.cut(12); t.rewrite(3); t.change(8, func(ev *eventstore.Event) { ev.Data = "[]" }) },
			audit.Config{}, "5 rewritten, 8 changed, 13-20 cut-off"},
	} {
		t.Run(name, func(t *testing.T) {
			log := newTable(20)
			for _, p := range c.taken {
				c.cfg.Snapshots = append(c.cfg.Snapshots, log.at(p))
			}
			c.tamper(log)
			report, err := audit.Check(t.Context(), log, c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Faults {
				got = append(got, f.String())
			}
			if all := strings.Join(got, ", "); all != c.want || report.Intact() != (c.want == "") {
				t.Errorf("got %q, want %q", all, c.want)
			}
		})
	}
}

func TestACutOffEndIsNamedWithBothPositions(t *testing.T) {
	log := newTable(20)
	cfg := audit.Config{Snapshots: []eventstore.Manifest{log.at(20)}}
	log.cut(12)
	report, err := audit.Check(t.Context(), log, cfg)
	if err != nil || len(report.Faults) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if detail := report.Faults[0].Detail; !strings.Contains(detail, "ends at event 12") || !strings.Contains(detail, "taken at event 20") {
		t.Error(detail)
	}
}

func TestAManifestThatIsNotWhatWasWrittenProvesNothing(t *testing.T) {
	log := newTable(20)
	bad := log.at(20)
	bad.At.Head.Position = 25
	report, err := audit.Check(t.Context(), log, audit.Config{Snapshots: []eventstore.Manifest{bad}})
	if err != nil || !report.Intact() {
		t.Errorf("%+v, %v", report, err)
	}
}
