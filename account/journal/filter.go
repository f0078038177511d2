package journal

import "openpayment/eventstore"

// Filter chooses among the events of the log. An empty field lets everything pass.
type Filter struct {
	Type    string // exactly
	Subject string // as [About] has it
}

// Matches tells whether ev passes.
func (f Filter) Matches(ev *eventstore.Event) bool {
	return (f.Type == "" || ev.Type == f.Type) && (f.Subject == "" || About(*ev, f.Subject))
}
