package api

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
)

func getAccount(c *call) error {
	// Malformed tags are found before anything is waited for, and where none is wanted.
	if _, err := ifNoneMatch(c.r.Header, ""); err != nil {
		return err
	}
	if at, given := c.params["at"]; given {
		return c.accountAt(at)
	}
	if err := c.fresh(); err != nil {
		return err
	}
	a, err := c.service.Account(c.number())
	if err != nil {
		return err
	}
	tag := etag(a.Version)
	c.setHeader("Etag", tag)
	if known, _ := ifNoneMatch(c.r.Header, tag); known {
		return c.reply(http.StatusNotModified, "", nil)
	}
	return c.sendAccount(http.StatusOK, a)
}

// accountAt answers with the account as it was.
func (c *call) accountAt(at string) error {
	moment, err := parseMoment(at)
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	if moment.Time.IsZero() && moment.Position > c.service.Applied() {
		// Another node may have told the client of the event: only the log knows
		// where its head is.
		if err := c.await(0, true); err != nil {
			return err
		}
		if c.applied(); moment.Position > c.service.Applied() {
			return badParameter("at", "is beyond the head of the log: see Applied-Position")
		}
	}
	a, err := c.service.AccountAt(c.context(), c.number(), moment)
	if err != nil {
		return err
	}
	return c.sendAccount(http.StatusOK, a)
}

// parseMoment reads a position or a time.
func parseMoment(at string) (journal.Moment, error) {
	if pos, ok := parsePosition(at); ok {
		return journal.Moment{Position: pos}, nil
	}
	t, err := parseTime(at)
	if err != nil {
		return journal.Moment{}, badParameter("at", "takes the seq of an event in digits, or a time as of RFC 3339, where + is written %2B")
	}
	return journal.Moment{Time: t}, nil
}

// rfc3339 is what RFC 3339 calls date-time. [time.Parse] takes more: a comma for
// the decimal point, hours of one digit, offsets of 24 hours.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:(\d\d)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads a time as of RFC 3339, small letters and leap seconds included.
// The zero time comes out a little later: it means something else to
// [journal.Moment].
func parseTime(s string) (time.Time, error) {
	s = strings.ToUpper(s)
	parts := rfc3339.FindStringSubmatchIndex(s)
	if parts == nil {
		return time.Time{}, &time.ParseError{Layout: time.RFC3339, Value: s}
	}
	var leap time.Duration
	if from, to := parts[2], parts[3]; s[from:to] == "60" { // which package time doesn't know
		s, leap = s[:from]+"59"+s[to:], time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if t = t.Add(leap); t.IsZero() {
		t = t.Add(1)
	}
	return t, err
}

func listAccounts(c *call) error {
	limit, err := c.params.limit()
	if err != nil {
		return err
	}
	filter, err := c.params.filter()
	if err != nil {
		return err
	}
	list := scope{"accounts", filter.SortCode, filter.Customer}
	after, err := c.params.key(list, account.ValidNumber)
	if err != nil {
		return err
	}
	if err := c.fresh(); err != nil {
		return err
	}
	// One more than asked for tells whether there is another page.
	accounts := c.service.List(account.Number(after), limit+1, filter)
	more := len(accounts) > limit
	accounts = accounts[:min(len(accounts), limit)]
	body := page[wireAccount]{Items: mapped(accounts, toWire)}
	if more {
		body.NextCursor = list.cursor(string(accounts[limit-1].Number))
		c.linkNext("cursor", body.NextCursor)
	}
	return c.reply(http.StatusOK, mediaJSON, body)
}

// filter is that of a list of accounts, with the sort code in the form it has in
// accounts.
func (p params) filter() (account.Filter, error) {
	f := account.Filter{SortCode: p["sortCode"], Customer: p["customer"]}
	if f.SortCode == "" {
		return f, nil
	}
	stored, ok := account.ParseSortCode(f.SortCode)
	if !ok {
		return f, badParameter("sortCode", account.SortCodeRule)
	}
	f.SortCode = stored
	return f, nil
}
