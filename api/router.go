package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"openpayment/api/access"
)

// resource is one path and what can be done with it.
type resource struct {
	path       string
	operations map[string]operation // by method; HEAD goes with GET
}

// operation is one thing the service does. Everything around it, the order of
// the checks above all, is [Handler.perform].
type operation struct {
	does   string // for the log: "failed to get account"
	handle func(*call) error
	scope  access.Scope // that a token needs for it; probes need no token
	needs  need
	media  string        // of the body it takes; empty: none
	also   []string      // other media types of it
	params []string      // the query parameters it knows
	limit  time.Duration // how long it may take; 0: as every request
	stream bool          // it goes on until the client leaves
}

// need is what an operation asks of the service.
type need int

const (
	needsState   need = iota // the service, and that it has read its log
	needsService             // the service, in whatever state
	needsToken               // no service
	needsNothing             // no token either: for probes
)

func resources() []resource {
	return append(subscriptionResources(), []resource{
		{"/livez", map[string]operation{
			"GET": {does: "answer liveness", handle: getLive, needs: needsNothing},
		}},
		{"/readyz", map[string]operation{
			"GET": {does: "be ready", handle: getReady, needs: needsNothing, params: []string{"verbose"}},
		}},
		{"/v1/accounts", map[string]operation{
			"GET":  {does: "list accounts", scope: access.Read, handle: listAccounts, params: []string{"limit", "cursor", "sortCode", "customer"}},
			"POST": {does: "open account", scope: access.Command, handle: openAccount, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}", map[string]operation{
			"GET":    {does: "get account", scope: access.Read, handle: getAccount, params: []string{"at"}},
			"PUT":    {does: "replace account", scope: access.Command, handle: replaceAccount, media: mediaJSON, params: []string{"dryRun"}},
			"PATCH":  {does: "change account", scope: access.Command, handle: patchAccount, media: mediaMergePatch, params: []string{"dryRun"}},
			"DELETE": {does: "close account", scope: access.Command, handle: closeAccount, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}/events", map[string]operation{
			"GET": {does: "list account events", scope: access.Read, handle: listHistory, params: []string{"limit", "cursor", "order"}},
		}},
		{"/v1/accounts/{number}/deposits", map[string]operation{
			"POST": {does: "deposit", scope: access.Command, handle: deposit, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}/withdrawals", map[string]operation{
			"POST": {does: "withdraw", scope: access.Command, handle: withdraw, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/transfers", map[string]operation{
			"POST": {does: "transfer", scope: access.Command, handle: transfer, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/commands", map[string]operation{
			"POST": {does: "carry out commands", scope: access.Command, handle: carryOutBulk, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/events", map[string]operation{
			"GET": {does: "list events", scope: access.Read, handle: listEvents, params: []string{"after", "limit", "type", "subject"}},
			"POST": {does: "append events", scope: access.Append, handle: appendEvents, media: mediaJSON,
				also: []string{mediaCloudEvent, mediaCloudEvents}, params: []string{"dryRun"}},
		}},
		{"/v1/events/stream", map[string]operation{ // before the events, of which none has this number
			"GET": {does: "stream events", scope: access.Read, handle: streamEvents, params: []string{"after", "type", "subject"}, stream: true},
		}},
		{"/v1/events/{seq}", map[string]operation{
			"GET": {does: "get event", scope: access.Read, handle: getEvent},
		}},
		{"/v1/admin/status", map[string]operation{
			"GET": {does: "get status", scope: access.Admin, handle: getStatus, needs: needsService},
		}},
		{"/v1/admin/snapshots", map[string]operation{
			"GET":  {does: "list snapshots", scope: access.Admin, handle: listSnapshots, needs: needsService},
			"POST": {does: "take snapshot", scope: access.Admin, handle: takeSnapshot, limit: snapshotLimit},
		}},
		{"/v1/admin/replays", map[string]operation{
			"POST": {does: "start replay", scope: access.Admin, handle: startReplay, media: mediaJSON},
		}},
		{"/v1/admin/replays/{id}", map[string]operation{
			"GET":    {does: "get replay", scope: access.Admin, handle: getReplay, needs: needsService},
			"DELETE": {does: "cancel replay", scope: access.Admin, handle: cancelReplay, needs: needsService},
		}},
	}...)
}

func subscriptionResources() []resource {
	return []resource{
		{"/v1/subscriptions", map[string]operation{
			"GET": {does: "list subscriptions", scope: access.Read, handle: listSubscriptions},
		}},
		{"/v1/subscriptions/{name}", map[string]operation{
			"GET":    {does: "get subscription", scope: access.Read, handle: getSubscription},
			"PUT":    {does: "put subscription", scope: access.Read, handle: putSubscription, media: mediaJSON},
			"DELETE": {does: "delete subscription", scope: access.Read, handle: deleteSubscription},
		}},
		{"/v1/subscriptions/{name}/events", map[string]operation{
			"GET": {does: "read subscription", scope: access.Read, handle: readSubscription, params: []string{"limit", "wait", "maxUnacked"}, stream: true},
		}},
		{"/v1/subscriptions/{name}/ack", map[string]operation{
			"POST": {does: "acknowledge events", scope: access.Read, handle: acknowledge, media: mediaJSON},
		}},
	}
}

// newRouter matches paths as they are written: nothing is cleaned or redirected,
// and a segment is decoded only after it was told from its neighbours.
func newRouter(h *Handler) *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, res := range resources() {
		router.Handle(res.path, h.dispatch(res))
	}
	router.NotFoundHandler = h.enter(func(c *call) {
		c.fail("route request", newProblem(codeRouteNotFound,
			"no route has this path; paths match as written, without a slash at the end"))
	})
	return router
}

// dispatch chooses among a resource's operations by method.
func (h *Handler) dispatch(res resource) http.Handler {
	allow := allowed(res)
	return h.enter(func(c *call) {
		method := c.r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		op, known := res.operations[method]
		switch {
		case known:
			h.perform(c, op)
		case method == http.MethodOptions:
			h.perform(c, describe(res, allow))
		default:
			p := newProblem(codeMethod, "this path takes "+allow)
			p.header.Set("Allow", allow)
			c.fail("route request", p)
		}
	})
}

func allowed(res resource) string {
	methods := []string{http.MethodOptions}
	for method := range res.operations {
		methods = append(methods, method)
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// describe is the OPTIONS operation of a resource. It needs what probes need, or
// a token, but no service.
func describe(res resource, allow string) operation {
	needs := needsToken
	if res.operations[http.MethodGet].needs == needsNothing {
		needs = needsNothing
	}
	return operation{does: "describe route", scope: access.Any, needs: needs, handle: func(c *call) error {
		c.w.Header().Set("Allow", allow)
		if res.operations[http.MethodPatch].handle != nil {
			c.w.Header().Set("Accept-Patch", mediaMergePatch)
		}
		return c.reply(http.StatusNoContent, "", nil)
	}}
}
