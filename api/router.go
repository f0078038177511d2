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
	does    string // for the log: "failed to get account"
	handle  func(*call) error
	command string       // its kind, for observers; empty: it is none
	scope   access.Scope // that a token needs for it; probes need no token
	bound   bound        // what of it is for tokens that are bound to subjects
	needs   need
	media   string        // of the body it takes; empty: none
	also    []string      // other media types of it
	params  []string      // the query parameters it knows
	limit   time.Duration // how long it may take; 0: as every request
	stream  bool          // it goes on until the client leaves
}

// need is what an operation asks of the service.
type need int

const (
	needsState   need = iota // the service, and that it has read its log
	needsService             // the service, in whatever state
	needsToken               // no service
	needsNothing             // no token either: for probes
)

// resources are all there are. Of two paths that match a request, the first counts. The
// router tries one after another, with a regular expression each: those come first that
// are asked for most.
func resources() []resource {
	return slices.Concat(accountResources(), logResources(), subscriptionResources(), ownResources(), adminResources())
}

// ownResources are about the service itself.
func ownResources() []resource {
	return []resource{
		{"/livez", map[string]operation{
			"GET": {does: "answer liveness", handle: getLive, needs: needsNothing},
		}},
		{"/readyz", map[string]operation{
			"GET": {does: "be ready", handle: getReady, needs: needsNothing, params: []string{"verbose"}},
		}},
		{"/metrics", map[string]operation{
			"GET": {does: "show metrics", scope: access.Read, handle: getMetrics, needs: needsToken},
		}},
		{"/openapi.json", map[string]operation{
			"GET": {does: "describe the API", scope: access.Any, bound: boundAll, handle: getDescription, needs: needsToken},
		}},
		{"/docs", map[string]operation{
			"GET": {does: "show the API", scope: access.Any, bound: boundAll, handle: getDocs, needs: needsToken},
		}},
		{"/docs/{file}", map[string]operation{
			"GET": {does: "show the API", scope: access.Any, bound: boundAll, handle: getDocsFile, needs: needsToken},
		}},
	}
}

// accountResources are accounts, and the commands that change them.
func accountResources() []resource {
	return []resource{
		{"/v1/accounts", map[string]operation{
			"GET":  {does: "list accounts", scope: access.Read, handle: listAccounts, params: []string{"limit", "cursor", "sortCode", "customer"}},
			"POST": {does: "open account", command: "open", scope: access.Command, bound: boundHandler, handle: openAccount, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}", map[string]operation{
			"GET":    {does: "get account", scope: access.Read, bound: boundPath, handle: getAccount, params: []string{"at"}},
			"PUT":    {does: "replace account", command: "update", scope: access.Command, bound: boundPath, handle: replaceAccount, media: mediaJSON, params: []string{"dryRun"}},
			"PATCH":  {does: "change account", command: "update", scope: access.Command, bound: boundPath, handle: patchAccount, media: mediaMergePatch, params: []string{"dryRun"}},
			"DELETE": {does: "close account", command: "close", scope: access.Command, bound: boundPath, handle: closeAccount, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}/events", map[string]operation{
			"GET": {does: "list account events", scope: access.Read, bound: boundPath, handle: listHistory, params: []string{"limit", "cursor", "order"}},
		}},
		{"/v1/accounts/{number}/deposits", map[string]operation{
			"POST": {does: "deposit", command: "deposit", scope: access.Command, bound: boundPath, handle: deposit, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/accounts/{number}/withdrawals", map[string]operation{
			"POST": {does: "withdraw", command: "withdraw", scope: access.Command, bound: boundPath, handle: withdraw, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/transfers", map[string]operation{
			"POST": {does: "transfer", command: "transfer", scope: access.Command, bound: boundHandler, handle: transfer, media: mediaJSON, params: []string{"dryRun"}},
		}},
		{"/v1/commands", map[string]operation{
			"POST": {does: "carry out commands", scope: access.Command, bound: boundHandler, handle: carryOutBulk, media: mediaJSON, params: []string{"dryRun"}},
		}},
	}
}

// logResources are the log, as others read it and append to it.
func logResources() []resource {
	return []resource{
		{"/v1/events", map[string]operation{
			"GET": {does: "list events", scope: access.Read, bound: boundQuery, handle: listEvents, params: []string{"after", "limit", "type", "subject"}},
			"POST": {does: "append events", command: "append", scope: access.Append, bound: boundHandler, handle: appendEvents, media: mediaJSON,
				also: []string{mediaCloudEvent, mediaCloudEvents}, params: []string{"dryRun"}},
		}},
		{"/v1/events/stream", map[string]operation{ // before the events, of which none has this number
			"GET": {does: "stream events", scope: access.Read, bound: boundQuery, handle: streamEvents, params: []string{"after", "type", "subject"}, stream: true},
		}},
		{"/v1/events/{seq}", map[string]operation{
			"GET": {does: "get event", scope: access.Read, bound: boundHandler, handle: getEvent},
		}},
	}
}

// subscriptionResources are for those who follow the log and want the service to know how
// far they are.
func subscriptionResources() []resource {
	return []resource{
		{"/v1/subscriptions", map[string]operation{
			"GET": {does: "list subscriptions", scope: access.Read, bound: boundHandler, handle: listSubscriptions},
		}},
		{"/v1/subscriptions/{name}", map[string]operation{
			"GET":    {does: "get subscription", scope: access.Read, bound: boundHandler, handle: getSubscription},
			"PUT":    {does: "put subscription", scope: access.Read, bound: boundHandler, handle: putSubscription, media: mediaJSON},
			"DELETE": {does: "delete subscription", scope: access.Read, bound: boundHandler, handle: deleteSubscription},
		}},
		{"/v1/subscriptions/{name}/events", map[string]operation{
			"GET": {does: "read subscription", scope: access.Read, bound: boundHandler, handle: readSubscription, params: []string{"limit", "wait", "maxUnacked"}, stream: true},
		}},
		{"/v1/subscriptions/{name}/ack", map[string]operation{
			"POST": {does: "acknowledge events", scope: access.Read, bound: boundHandler, handle: acknowledge, media: mediaJSON},
		}},
	}
}

// adminResources are for operators.
func adminResources() []resource {
	return []resource{
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
	}
}

// newRouter matches paths as they are written: nothing is cleaned or redirected,
// and a segment is decoded only after it was told from its neighbours.
func newRouter(h *Handler) *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, res := range resources() {
		router.Handle(res.path, h.dispatch(res))
	}
	router.NotFoundHandler = h.enter("", func(c *call) {
		c.fail("route request", routeNotFound())
	})
	return router
}

func routeNotFound() *problem {
	return newProblem(codeRouteNotFound, "no route has this path; paths match as written, without a slash at the end")
}

// dispatch chooses among a resource's operations by method.
func (h *Handler) dispatch(res resource) entrance {
	allow := allowed(res)
	return h.enter(res.path, func(c *call) {
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
	return operation{does: "describe route", scope: access.Any, bound: boundAll, needs: needs, handle: func(c *call) error {
		c.w.Header().Set("Allow", allow)
		if res.operations[http.MethodPatch].handle != nil {
			c.w.Header().Set("Accept-Patch", mediaMergePatch)
		}
		return c.reply(http.StatusNoContent, "", nil)
	}}
}
