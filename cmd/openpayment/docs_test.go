package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"openpayment/internal/servicetest"
)

func TestTheDocsOfAServiceWithTokensOpenInABrowser(t *testing.T) {
	t.Setenv(tokenVariable, "s3cret")
	service := start(t, "--store", "memory:")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	var stderr strings.Builder
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"docs", "--url", service.URL}, write, &stderr) }()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	at, ok := strings.CutSuffix(line, "/docs\n")
	if !ok || !strings.HasPrefix(at, "http://127.0.0.1:") {
		t.Fatalf("it says %q", line)
	}
	page := &process{servicetest.Elsewhere(t, at)}
	for path, token := range map[string]string{"/docs": "", "/docs/swagger-ui.css": "", "/openapi.json": "", "/v1/accounts": "Bearer s3cret"} {
		page.must(http.StatusOK, "GET", path, "", "Authorization: "+token)
	}
	page.must(http.StatusUnauthorized, "GET", "/v1/accounts", "")
	page.must(http.StatusNotFound, "GET", "/docs/", "")
	service.Kill()
	if status := statusOf(t, at+"/v1/accounts"); status != http.StatusBadGateway {
		t.Errorf("%d without a service", status)
	}
	if stop(); <-ended != exitOK {
		t.Errorf("it ends with %s", stderr.String())
	}
}

// statusOf is that of a GET.
func statusOf(t *testing.T, url string) int {
	t.Helper()
	answer, err := plainHTTP.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestDocsOfWhatIsNoServiceAreRefused(t *testing.T) {
	for _, url := range []string{"", "payments.example", "ftp://payments.example", "http://"} {
		var stderr strings.Builder
		if code := run(t.Context(), []string{"docs", "--url", url}, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "--url") {
			t.Errorf("%q: %d %s", url, code, stderr.String())
		}
	}
}
