package openapi

import (
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is the YAML object that text is.
func object(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

func TestTheDocumentIsOneJSONObjectWithTheVersion(t *testing.T) {
	for _, version := range []string{"v1.2.3", `1.0-"x"\`, ""} {
		var doc struct {
			Info  struct{ Title, Version string }
			Paths map[string]any
		}
		if err := json.Unmarshal(Document(version), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Info.Version != version || doc.Info.Title != "OpenPayment" || len(doc.Paths) < 15 {
			t.Errorf("%q: %+v, %d paths", version, doc.Info, len(doc.Paths))
		}
	}
	if strings.Contains(string(Document("")), `"x-headers"`) {
		t.Error("what the files only refer to is in the document")
	}
}

func TestTwoFilesAreJoinedUnlessTheySayTheSameThing(t *testing.T) {
	whole := object(t, "paths: {/a: {get: {}}}")
	if err := join(whole, object(t, "paths: {/a: {post: {}}, /b: {}}\ninfo: 1")); err != nil {
		t.Fatal(err)
	}
	if got, want := string(appendJSON(nil, whole)), `{"paths":{"/a":{"get":{},"post":{}},"/b":{}},"info":1}`; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	if err := join(whole, object(t, "info: 2")); err == nil || !strings.Contains(err.Error(), "info") {
		t.Errorf("said twice: %v", err)
	}
}

func TestYAMLBecomesJSONInItsOrder(t *testing.T) {
	const text = `
base: &base {z: 1, a: [true, null, "1", 1.5, é "q"]}
all: {<<: *base, m: *base, empty: [], none: {}}`
	const want = `{"base":{"z":1,"a":[true,null,"1",1.5,"é \"q\""]},` +
		`"all":{"z":1,"a":[true,null,"1",1.5,"é \"q\""],"m":{"z":1,"a":[true,null,"1",1.5,"é \"q\""]},"empty":[],"none":{}}}`
	if got := string(appendJSON(nil, object(t, text))); got != want {
		t.Errorf("%s\ninstead of\n%s", got, want)
	}
}
