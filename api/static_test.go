package api_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"openpayment/api/openapi"
)

func TestTheDescriptionIsServed(t *testing.T) {
	r := newRig(t)
	got := r.do("GET", "/openapi.json", "").is(200, "").has("Content-Type: application/json", "Cache-Control: no-cache")
	if !bytes.Equal(got.text, openapi.Document("test")) {
		t.Errorf("it is another: %.300s", got.text)
	}
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
	}
	got.decode(&doc)
	if doc.OpenAPI != "3.1.1" || doc.Info.Version != "test" {
		t.Errorf("%+v", doc)
	}
}

func TestWhatDoesNotChangeIsSentOnce(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/openapi.json", "/docs", "/docs/swagger-ui.css"} {
		got := r.do("GET", path, "").is(200, "")
		tag := got.header.Get("ETag")
		if again := r.do("GET", path, "", "If-None-Match: "+tag).is(304, "").has("ETag: " + tag); len(again.text) > 0 {
			t.Errorf("%s: 304 with a body", path)
		}
		r.do("GET", path, "", `If-None-Match: "other"`).is(200, "")
		r.do("GET", path, "", `If-None-Match: other`).is(400, "bad-header")
	}
}

// A browser that loads the page asks for nothing but what is served here.
func TestThePageWorksOffline(t *testing.T) {
	r := newRig(t)
	page := r.do("GET", "/docs", "").is(200, "").has("Content-Type: text/html; charset=utf-8")
	policy := page.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "//") || strings.Contains(policy, "*") {
		t.Errorf("the policy lets in others: %s", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.text, -1)
	if len(links) < 4 {
		t.Errorf("the page is made of %d files", len(links))
	}
	for _, link := range links {
		r.do("GET", "/"+string(link[1]), "").is(200, "")
	}
	style := r.do("GET", "/docs/swagger-ui.css", "").is(200, "").has("Content-Type: text/css; charset=utf-8")
	for _, at := range regexp.MustCompile(`url\(["']?[^)]{5}`).FindAll(style.text, -1) {
		if !bytes.HasSuffix(at, []byte("data:")) {
			t.Errorf("the style sheet loads %s", at)
		}
	}
	for _, path := range []string{"/docs/", "/docs/page.html", "/docs/swagger-ui.js", "/docs/..%2Fdocs.go", "/docs/x/start.js"} {
		r.do("GET", path, "").is(404, "route-not-found")
	}
}
