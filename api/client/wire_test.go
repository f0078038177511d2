package client_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"openpayment/api/client"
	"openpayment/eventstore/memory"
)

// tapped keeps the body of the last answer.
type tapped struct{ body []byte }

func (p *tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	p.body, err = io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(p.body))
	return response, err
}

// asTheService writes times as the service does.
var asTheService = json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
	return enc.WriteToken(jsontext.String(t.UTC().Format("2006-01-02T15:04:05.000Z")))
}))

// same demands that nothing of the last answer is lost in what the client made of it.
func (p *tapped) same(t testing.TB, got any) {
	t.Helper()
	text, err := json.Marshal(got, asTheService)
	if err != nil {
		t.Fatal(err)
	}
	mine, wire := jsontext.Value(text), jsontext.Value(p.body)
	if mine.Canonicalize() != nil || wire.Canonicalize() != nil || !bytes.Equal(mine, wire) {
		t.Errorf("%T\nof the service: %s\nof the client:  %s", got, wire, mine)
	}
}

// items is the form of a list.
type items[T any] struct {
	Items []T `json:"items"`
}

func TestTheTypesHoldAllThatTheServiceSays(t *testing.T) {
	ctx := t.Context()
	n := newNode(t, memory.New())
	wire := &tapped{}
	c := newClient(t, n.url, wire)
	wire.same(t, must(c.OpenAccount(ctx, client.AccountDetails{AccountNumber: "111111", SortCode: "10-20-30", CustomerURLs: []string{"https://c.example/1"}}))(t))
	opened(t, c, "222222")
	wire.same(t, must(c.Deposit(ctx, "111111", client.Payment{Amount: 5, Currency: "GBP", Reference: "r"}))(t))
	wire.same(t, must(c.Deposit(ctx, "111111", gbp(5), client.DryRun()))(t))
	wire.same(t, must(c.Account(ctx, "111111"))(t))
	wire.same(t, must(c.Event(ctx, 3))(t))
	wire.same(t, items[client.Account]{all(t, c.Accounts(ctx, client.AccountQuery{}))})
	wire.same(t, items[client.Event]{all(t, c.History(ctx, "111111", client.HistoryQuery{}))})
	var b client.Bulk
	b.Open(client.AccountDetails{AccountNumber: "333333", SortCode: "10-20-30"})
	b.Deposit("333333", gbp(1))
	b.Withdraw("333333", gbp(1))
	b.Close("333333")
	wire.same(t, items[client.Result]{must(c.ExecuteAll(ctx, &b))(t)})
	wire.same(t, items[client.Result]{must(c.ExecuteEach(ctx, &b))(t)}) // with refusals
	wire.same(t, must(c.TakeSnapshot(ctx))(t))
	wire.same(t, items[client.Snapshot]{must(c.Snapshots(ctx))(t)})
	wire.same(t, must(c.Status(ctx))(t))
	r := must(c.StartReplay(ctx, client.ReplayOptions{Swap: true}))(t)
	wire.same(t, r)
	for r.State == client.ReplayRunning {
		r = must(c.Replay(ctx, r.ID))(t)
		wire.same(t, r)
	}
	if r.State != client.ReplayDone || !*r.Match || !r.Swapped {
		t.Errorf("%+v", r)
	}
	if err := c.CancelReplay(ctx, r.ID); err != nil {
		t.Error(err)
	}
	refused(t, c.CancelReplay(ctx, "7"), client.CodeReplayNotFound)
}

// What a test does not make happen on a service is held against the service's own
// declarations: the names in its JSON forms.
func TestTheTypesHaveTheMembersOfTheServicesForms(t *testing.T) {
	forms := formsOfTheService(t)
	for name, of := range map[string]any{
		"wireAccount": client.Account{}, "wireEvent": client.Event{}, "wireItem": client.Result{}, "wireManifest": client.Snapshot{}, "wireStatus": client.Status{},
		"wireReason": client.StatusReason{}, "wireHalt": client.Halt{}, "wireReplay": client.Replay{}, "wireDifference": client.Difference{}, "wireSubjectDifference": client.SubjectDifference{}, "wireFault": client.Fault{},
	} {
		if got, want := membersOf(reflect.TypeOf(of)), forms[name]; len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%T has %v, the service's %s %v", of, got, name, want)
		}
	}
	problem := forms["wireProblem"]
	for _, member := range membersOf(reflect.TypeOf(client.Error{})) {
		if !slices.Contains(problem, member) {
			t.Errorf("a problem has no %s", member)
		}
	}
}

// formsOfTheService reads the JSON names of every struct of package api.
func formsOfTheService(t *testing.T) map[string][]string {
	t.Helper()
	forms := make(map[string][]string)
	files, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../"+f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if form, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range form.Fields.List {
					if field.Tag != nil {
						tag, _ := strconv.Unquote(field.Tag.Value)
						forms[spec.Name.Name] = append(forms[spec.Name.Name], nameIn(reflect.StructTag(tag)))
					}
				}
				slices.Sort(forms[spec.Name.Name])
			}
			return true
		})
	}
	return forms
}

func nameIn(tag reflect.StructTag) string {
	name, _, _ := strings.Cut(tag.Get("json"), ",")
	return name
}

func membersOf(form reflect.Type) []string {
	var names []string
	for field := range form.Fields() {
		if name := nameIn(field.Tag); name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// codesIn finds problem codes in a file, by a pattern that says where they stand.
func codesIn(t *testing.T, file, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func TestThereIsANameForEveryCodeOfTheService(t *testing.T) {
	mine := codesIn(t, "codes.go", `Code = "([a-z-]+)"`)
	for _, code := range codesIn(t, "../doc.go", `(?m)^//\t\d{3}  ([a-z-]+)`) {
		if !slices.Contains(mine, code) {
			t.Errorf("%s has no name", code)
		}
	}
	if len(mine) < 20 {
		t.Errorf("%v", mine)
	}
}
