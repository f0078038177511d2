// Package openapitest holds what goes over the wire against the service's own
// description of itself. It is for tests.
//
// An answer must have a status that its operation documents, the headers that this
// status has and no others, and a body that fits its schema, without members that are
// not described. A request that was accepted must be one that the description allows;
// what a refused one was like is nobody's business.
package openapitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"openpayment/api/openapi"
)

// Check fails t, with operation and fault, if the exchange is not as described. The
// request may have been sent; answer is its answer's body, which has been read. It is
// safe for concurrent use.
func Check(t testing.TB, req *http.Request, status int, header http.Header, answer []byte) {
	t.Helper()
	if err := described().fault(exchange{req, status, header, answer}); err != nil {
		t.Errorf("%s %s: %d is not as of openapi.json: %v", req.Method, req.URL, status, err)
	}
}

// Load reads the description, and checks that it is a valid one with valid examples.
func Load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document("test"))
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
}

// exchange is a request and its answer.
type exchange struct {
	req    *http.Request
	status int
	header http.Header
	answer []byte
}

// description is the document, ready to be asked. It is not changed.
type description struct {
	doc    *openapi3.T
	router routers.Router
	// The operations of every path that are in no path of the document.
	options, wrongMethod, nowhere *openapi3.Operation
}

var described = sync.OnceValue(func() *description {
	doc, err := Load()
	if err != nil {
		panic(err)
	}
	if err := prepare(doc); err != nil {
		panic(err)
	}
	for _, media := range []string{"text/html", "text/css", "text/javascript", "text/event-stream", "application/x-ndjson", "application/openmetrics-text"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.PlainBodyDecoder)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return &description{
		doc:         doc,
		router:      router,
		options:     operation(doc, "Options", "BadRequest", "Unauthenticated", "BodyTooLarge", "URITooLong", "TooManyFailures"),
		wrongMethod: operation(doc, "MethodNotAllowed", "URITooLong"),
		nowhere:     operation(doc, "RouteNotFound", "URITooLong"),
	}
})

// operation is one that has some of the document's common answers. Their own schemas
// say which status they are for; the first example tells.
func operation(doc *openapi3.T, names ...string) *openapi3.Operation {
	responses := &openapi3.Responses{}
	for _, name := range names {
		responses.Set(statuses[name], doc.Components.Responses[name])
	}
	return &openapi3.Operation{Responses: responses}
}

var statuses = map[string]string{
	"Options": "204", "BadRequest": "400", "Unauthenticated": "401", "RouteNotFound": "404", "MethodNotAllowed": "405", "BodyTooLarge": "413",
	"URITooLong": "414", "TooManyFailures": "429",
}

// prepare makes the document stricter, and checking quick.
//
// No object may hold members that the document does not name. Clients are told
// nothing of the kind, since members are added as time goes by: but not without the
// document.
//
// kin-openapi compiles the schemas of a 3.1 document anew for every exchange; for one of
// 3.0 it uses a quick validator of its own. That knows all keywords of 3.1 that the
// document uses, once const is an enum of one value; what names members may have
// (propertyNames) it passes over.
func prepare(doc *openapi3.T) error {
	doc.OpenAPI = "3.0.4"
	return doc.WalkSchemas(func(at string, ref *openapi3.SchemaRef) error {
		s := ref.Value
		if s.Const != nil {
			s.Const, s.Enum = nil, []any{s.Const}
		}
		if s.PrefixItems != nil || s.Contains != nil || s.PatternProperties != nil || s.If != nil ||
			s.DependentSchemas != nil || s.DependentRequired != nil || s.UnevaluatedProperties.Has != nil || s.UnevaluatedProperties.Schema != nil {
			return fmt.Errorf("%s has a keyword that exchanges are not checked for", at)
		}
		if s.Type.Is("object") && s.Properties != nil && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = new(false)
		}
		return nil
	})
}

// fault is what is not as described, nil for nothing.
func (d *description) fault(e exchange) error {
	input := d.input(e.req)
	response := input.Route.Operation.Responses.Status(e.status)
	if response == nil {
		return errors.New("the status is not documented")
	}
	if err := headerFault(response.Value, e.header); err != nil {
		return err
	}
	if err := bodyFault(response.Value, e); err != nil {
		return err
	}
	options := openapi3filter.Options{
		IncludeResponseStatus: true, SkipSettingDefaults: true, ExcludeResponseBody: e.req.Method == http.MethodHead,
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails()},
	}
	input.Options = &options
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: e.status, Header: e.header, Options: &options,
		Body: io.NopCloser(bytes.NewReader(e.answer)),
	}
	if err := openapi3filter.ValidateResponse(e.req.Context(), answer); err != nil || e.status >= 300 || input.Route.Path == "" {
		return err
	}
	return requestFault(e, input)
}

// input finds the operation that a request is for.
func (d *description) input(req *http.Request) *openapi3filter.RequestValidationInput {
	asked := req.Clone(req.Context())
	if asked.Method == http.MethodHead {
		asked.Method = http.MethodGet
	}
	if asked.URL.Query().Get("dryRun") == "true" {
		asked.Header.Del("Idempotency-Key") // which is ignored, whatever it is
	}
	route, vars, err := d.router.FindRoute(asked)
	switch {
	case errors.Is(err, routers.ErrMethodNotAllowed) && req.Method == http.MethodOptions:
		route = &routers.Route{Spec: d.doc, Operation: d.options}
	case errors.Is(err, routers.ErrMethodNotAllowed):
		route = &routers.Route{Spec: d.doc, Operation: d.wrongMethod}
	case err != nil:
		route = &routers.Route{Spec: d.doc, Operation: d.nowhere}
	}
	for name, segment := range vars {
		if decoded, err := url.PathUnescape(segment); err == nil {
			vars[name] = decoded
		}
	}
	return &openapi3filter.RequestValidationInput{Request: asked, PathParams: vars, Route: route}
}

// transport are headers of HTTP itself.
var transport = []string{"Connection", "Content-Length", "Content-Type", "Date"}

func headerFault(response *openapi3.Response, header http.Header) error {
	for name := range header {
		documented := slices.Contains(transport, name)
		for described := range response.Headers {
			documented = documented || strings.EqualFold(name, described)
		}
		if !documented {
			return fmt.Errorf("the header %s is not documented", name)
		}
	}
	for name, described := range response.Headers { // those of a 304 are looked at nowhere else
		if described.Value.Required && header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	return nil
}

func bodyFault(response *openapi3.Response, e exchange) error {
	if len(response.Content) == 0 && (len(e.answer) > 0 || e.header.Get("Content-Type") != "") {
		return errors.New("there is a body, and none is documented")
	}
	if media := e.header.Get("Content-Type"); len(response.Content) > 0 && response.Content[media] == nil {
		return fmt.Errorf("the media type %q is not documented", media)
	}
	return nil
}

// requestFault looks at a request that was accepted.
func requestFault(e exchange, input *openapi3filter.RequestValidationInput) error {
	input.Options.ExcludeRequestBody = true
	if e.req.GetBody != nil { // otherwise it was sent as a stream, and is gone
		body, err := e.req.GetBody()
		if err != nil {
			return err
		}
		input.Request.Body, input.Options.ExcludeRequestBody = body, false
	}
	if err := openapi3filter.ValidateRequest(e.req.Context(), input); err != nil {
		return fmt.Errorf("it was accepted, and shouldn't be: %w", err)
	}
	return nil
}
