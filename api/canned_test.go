package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEvenWhatCannotBeReadGetsAProblem sends what package net/http answers before
// any handler hears of it.
func TestEvenWhatCannotBeReadGetsAProblem(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"a path with a broken escape":    {"GET /v1/accounts/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"a control character in a value": {"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\x7fb\r\n\r\n", 400},
		"no host":                        {"GET /v1/accounts HTTP/1.1\r\n\r\n", 400},
		"a negative length":              {"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
		"headers without end":            {"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", 431},
		"an expectation nobody knows":    {"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n", 417},
		"an encoding nobody knows":       {"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"another protocol":               {"GET /v1/accounts HTTP/3.0\r\nHost: x\r\n\r\n", 505},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _, reader := r.raw(c.request)
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			var p struct{ Type, Title, Detail, Code, RequestID string }
			if err := json.Unmarshal(text, &p); err != nil || answer.StatusCode != c.status ||
				answer.Header.Get("Content-Type") != "application/problem+json" || p.Code != "bad-header" || p.Detail == "" ||
				p.RequestID == "" || p.RequestID != answer.Header.Get("Request-Id") {
				t.Errorf("%d %v %s", answer.StatusCode, answer.Header, text)
			}
			if _, err := reader.ReadByte(); err == nil {
				t.Error("the connection goes on")
			}
		})
	}
	if r.head() != 0 {
		t.Error("something was stored")
	}
}

func TestTextThatLooksLikeAnAnswerIsLeftAlone(t *testing.T) {
	r := newRig(t)
	fake := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	quoted, err := json.Marshal(fake)
	if err != nil {
		t.Fatal(err)
	}
	r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30",`+string(quoted)+`:1}`).is(422, "invalid")
}

func TestPathsMatchAsTheyAreWrittenThoughABytesMayNotStandInThem(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	for path, code := range map[string]string{
		"/v1/events%2f|":                 "route-not-found",
		"/v1%2faccounts%2f12345678\xff":  "route-not-found",
		"/v1/accounts/\xff%2fevents":     "account-not-found",
		"/v1/accounts/12345678|":         "account-not-found",
		"/v1/accounts/\xe2\x80\x8b12345": "account-not-found",
		"http://x/v1/accounts/1234567|":  "account-not-found",
		"*":                              "route-not-found",
	} {
		method := http.MethodGet
		if path == "*" {
			method = http.MethodOptions
		}
		answer, _, _ := r.raw(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		text, _ := io.ReadAll(io.LimitReader(answer.Body, answer.ContentLength))
		if answer.StatusCode != 404 || !strings.Contains(string(text), `"code":"`+code+`"`) {
			t.Errorf("%q: %d %s", path, answer.StatusCode, text)
		}
	}
}

func TestABodyThatNobodyWantsMayNotBeTooLargeEither(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	big := strings.Repeat("x", 1<<20)
	r.do("DELETE", "/v1/accounts/12345678?dryRun=true", big+"x", "Content-Type: text/plain").is(413, "body-too-large")
	r.do("DELETE", "/v1/accounts/12345678?dryRun=true", big, "Content-Type: text/plain").is(204, "")
	// A reader of a kind it does not know makes net/http send chunks.
	for _, size := range []int{1 << 20, 1<<20 + 1} {
		req, _ := http.NewRequest("DELETE", r.url+"/v1/accounts/12345678?dryRun=true", io.LimitReader(strings.NewReader(big+"x"), int64(size)))
		if answer := r.send(req); size > len(big) {
			answer.is(413, "body-too-large")
		} else {
			answer.is(204, "")
		}
	}
}

func TestADryRunIgnoresKeys(t *testing.T) {
	r := newRig(t)
	r.do("POST", "/v1/accounts?dryRun=true", `{"sortCode":"10-20-30"}`, "Idempotency-Key: "+strings.Repeat("k", 300)).is(201, "")
}

func TestFaultsOfFieldsAreToldHoweverManyElementsAreFaulty(t *testing.T) {
	r := newRig(t)
	got := r.do("POST", "/v1/accounts", `{"sortCode":"x","customerURLs":[`+strings.Repeat("5,", 5000)+`5],"balance":1}`).is(422, "invalid")
	for _, pointer := range []string{"/sortCode", "/balance", "/customerURLs", "/customerURLs/0", "/customerURLs/999"} {
		if !strings.Contains(string(got.text), `"pointer":"`+pointer+`"`) {
			t.Errorf("nothing is said of %s: %.300s", pointer, got.text)
		}
	}
}
