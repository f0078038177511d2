package api_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"openpayment/account"
	"openpayment/api"
	"openpayment/api/access"
	"openpayment/internal/openapitest"
)

var loaded = sync.OnceValues(openapitest.Load)

// description is what openapi.json says, which is valid, as are its examples. It is not
// to be changed.
func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// described are the operations of the description, by method and path, with the
// parameters of their paths.
func described(doc *openapi3.T) map[string]openapi3.Operation {
	all := make(map[string]openapi3.Operation)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			whole := *op
			whole.Parameters = slices.Concat(op.Parameters, item.Parameters)
			all[method+" "+path] = whole
		}
	}
	return all
}

// named are the parameters in the query, say, in the order of the alphabet.
func named(op openapi3.Operation, in string) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.Value.In == in {
			names = append(names, p.Value.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestTheDescriptionHasEveryOperationAndNoOther(t *testing.T) {
	described, served := described(description(t)), api.Operations()
	for name := range described {
		if _, ok := served[name]; !ok {
			t.Errorf("%s is described, and there is no such operation", name)
		}
	}
	variable := regexp.MustCompile(`\{(\w+)\}`)
	for name, op := range served {
		said, ok := described[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		if got := named(said, "query"); !slices.Equal(got, slices.Sorted(slices.Values(op.Params))) {
			t.Errorf("%s is described with the query parameters %v; it knows %v", name, got, op.Params)
		}
		var segments []string
		for _, m := range variable.FindAllStringSubmatch(name, -1) {
			segments = append(segments, m[1])
		}
		if got := named(said, "path"); !slices.Equal(got, segments) {
			t.Errorf("%s is described with %v in its path", name, got)
		}
		var media []string
		if said.RequestBody != nil {
			media = slices.Sorted(maps.Keys(said.RequestBody.Value.Content))
		}
		if !slices.Equal(media, slices.Sorted(slices.Values(op.Media))) {
			t.Errorf("%s is described as taking %q; it takes %q", name, media, op.Media)
		}
		if got := neededScope(said); got != op.Scope {
			t.Errorf("%s needs the scope %q; it is described with %q", name, op.Scope, got)
		}
	}
}

// neededScope is what an operation is described to need, empty for no token at all.
func neededScope(op openapi3.Operation) access.Scope {
	if op.Security == nil || len(*op.Security) != 1 {
		return ""
	}
	switch scopes := (*op.Security)[0]["bearer"]; len(scopes) {
	case 0:
		return access.Any
	case 1:
		if strings.Contains(op.Description, "Scope `"+scopes[0]+"`.") { // for people
			return access.Scope(scopes[0])
		}
	}
	return "not said"
}

func TestEveryOperationIsDescribedInFull(t *testing.T) {
	for name, op := range described(description(t)) {
		if op.Summary == "" || op.Description == "" || op.OperationID == "" || len(op.Tags) != 1 {
			t.Errorf("%s lacks a summary, a description, an id or a tag", name)
		}
		method, path, _ := strings.Cut(name, " ")
		headers := []string{"X-Request-Id"}
		statuses := []int{400, 413, 414, 500}
		if strings.HasPrefix(path, "/v1/") {
			statuses = append(statuses, 401, 403, 429, 503)
			if method == "GET" {
				headers = append(headers, "Min-Position", "Consistency")
			} else if slices.Contains(named(op, "query"), "dryRun") {
				headers = append(headers, "Idempotency-Key")
				statuses = append(statuses, 422)
			}
		}
		if op.RequestBody != nil {
			statuses = append(statuses, 415, 422)
		}
		for _, header := range headers {
			if !slices.Contains(named(op, "header"), header) {
				t.Errorf("%s lacks the header %s", name, header)
			}
		}
		for _, status := range statuses {
			if op.Responses.Status(status) == nil {
				t.Errorf("%s lacks the status %d", name, status)
			}
		}
		for status, response := range op.Responses.Map() {
			for media, content := range response.Value.Content {
				if content.Example == nil && content.Examples == nil && strings.Contains(media, "json") {
					t.Errorf("%s, %s: there is no example", name, status)
				}
			}
		}
	}
}

func TestEveryProblemCodeIsDescribed(t *testing.T) {
	doc := description(t)
	codes := api.Codes()
	var enum []string
	for _, code := range doc.Components.Schemas["ProblemCode"].Value.Enum {
		enum = append(enum, code.(string))
	}
	if slices.Sort(enum); !slices.Equal(enum, slices.Sorted(maps.Keys(codes))) {
		t.Errorf("the codes are described as %v", enum)
	}
	for code, status := range codes {
		if !strings.Contains(doc.Info.Description, fmt.Sprintf("| %d | `%s` | ", status, code)) {
			t.Errorf("the description's table lacks %d %s", status, code)
		}
	}
	met := make(map[string]bool)
	check := func(at, status string, response *openapi3.Response) {
		problem := response.Content["application/problem+json"]
		if problem == nil {
			return
		}
		code := problem.Schema.Value.AllOf[1].Value.Properties["code"].Value
		for _, c := range append(code.Enum, code.Const) {
			if c == nil {
				continue
			}
			met[c.(string)] = true
			if got := strconv.Itoa(codes[c.(string)]); got != status && status != "" {
				t.Errorf("%s: the status of %s is %s, and described as %s", at, c, got, status)
			}
		}
	}
	for name, op := range described(doc) {
		for status, response := range op.Responses.Map() {
			check(name, status, response.Value)
		}
	}
	for name, response := range doc.Components.Responses { // those that are no operation's, too
		check(name, "", response.Value)
	}
	for code := range codes {
		if !met[code] {
			t.Errorf("no operation is described with the code %s", code)
		}
	}
}

func TestTheDescriptionKnowsEveryCurrency(t *testing.T) {
	doc := description(t)
	enum := doc.Components.Schemas["Currency"].Value.Enum
	known := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				code := string([]rune{a, b, c})
				if account.KnownCurrency(account.Currency(code)) {
					known++
					if !slices.Contains(enum, any(code)) {
						t.Errorf("%s is not described", code)
					}
				}
			}
		}
	}
	if known != len(enum) {
		t.Errorf("%d currencies are described; there are %d", len(enum), known)
	}
}
