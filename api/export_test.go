package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"openpayment/account/journal"
	"openpayment/api/access"
)

// Codes are all problem codes and their statuses.
func Codes() map[string]int {
	all := make(map[string]int)
	for c, kind := range problemKinds {
		all[string(c)] = kind.status
	}
	return all
}

// Routes are all paths and their methods.
func Routes() map[string][]string {
	all := make(map[string][]string)
	for _, res := range resources() {
		for method := range res.operations {
			all[res.path] = append(all[res.path], method)
		}
	}
	return all
}

// Operation is what a route does with a method, as far as its description has to agree.
type Operation struct {
	Media  []string // of the body it takes
	Params []string // the query parameters it knows
	Scope  access.Scope
}

// Operations are those of all routes, by method and path.
func Operations() map[string]Operation {
	all := make(map[string]Operation)
	for _, res := range resources() {
		for method, op := range res.operations {
			all[method+" "+res.path] = Operation{strings.Fields(op.media + " " + strings.Join(op.also, " ")), op.params, op.scope}
		}
	}
	return all
}

// Scope is what a token needs for an operation, empty for none.
func Scope(path, method string) access.Scope {
	for _, res := range resources() {
		if res.path == path {
			return res.operations[method].scope
		}
	}
	return ""
}

// BulkKinds are the kinds of commands that a bulk may hold.
func BulkKinds() []string { return slices.Collect(maps.Keys(bulkKinds)) }

// CursorKey is the key of a cursor in a scope.
func CursorKey(cursor string, parts ...string) (string, bool) { return scope(parts).key(cursor) }

// Cursor is the cursor for a key in a scope.
func Cursor(key string, parts ...string) string { return scope(parts).cursor(key) }

// ParseTime reads a time as ?at= does.
var ParseTime = parseTime

// WholeNumber reads a JSON number as amounts are read.
var WholeNumber = wholeNumber

// TraceParent reads the values of a header traceparent.
func TraceParent(values ...string) (string, bool) { return traceParent(values) }

// ScanBudget is how many events one request looks through.
const ScanBudget = scanBudget

// ReplayJSON is a replay as clients see it.
func ReplayJSON(r journal.Replay) string {
	text, _ := json.Marshal(replayToWire(r))
	return string(text)
}

// Panicking is a handler that panics, after its answer has begun if begun.
func (h *Handler) Panicking(begun bool) http.Handler {
	return h.enter("", func(c *call) {
		if begun {
			_ = c.reply(http.StatusOK, mediaJSON, "half")
		}
		panic("secret")
	})
}

// Failing is a handler whose operation fails with err.
func (h *Handler) Failing(err error) http.Handler {
	return h.enter("", func(c *call) {
		h.perform(c, operation{does: "fail", handle: func(*call) error { return err }, needs: needsToken})
	})
}
