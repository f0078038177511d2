package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"openpayment/api"
)

func TestWhatIsNotOneJSONDocumentIsRefused(t *testing.T) {
	r := newRig(t)
	deep := func(n int) string {
		return `{"sortCode":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	for name, body := range map[string]string{
		"half":                `{"sortCode":"10-`,
		"blank":               " \n",
		"text":                `sortCode=10`,
		"comma":               `{"sortCode":"10-20-30",}`,
		"comment":             `{/**/"sortCode":"10-20-30"}`,
		"single quotes":       `{'sortCode':'10-20-30'}`,
		"name twice":          `{"sortCode":"10-20-30","sortCode":"10-20-30"}`,
		"escaped name twice":  `{"sortCode":"10-20-30","s\u006frtCode":"10-20-30"}`,
		"name twice, deep":    `{"sortCode":"10-20-30","x":[{"a":1,"a":2}]}`,
		"second document":     `{"sortCode":"10-20-30"}{}`,
		"second scalar":       `{"sortCode":"10-20-30"} 1`,
		"trailing garbage":    `{"sortCode":"10-20-30"}x`,
		"trailing NUL":        "{\"sortCode\":\"10-20-30\"}\x00",
		"invalid UTF-8":       "{\"sortCode\":\"10-20-30\",\"x\":\"\xff\"}",
		"overlong UTF-8":      "{\"sortCode\":\"10-20-30\",\"x\":\"\xc0\xaf\"}",
		"lone surrogate":      `{"sortCode":"10-20-30","x":"\ud800"}`,
		"byte order mark":     "\ufeff{\"sortCode\":\"10-20-30\"}",
		"UTF-16":              "\xfe\xff\x00{\x00}",
		"NaN":                 `{"sortCode":NaN}`,
		"leading zero":        `{"sortCode":012}`,
		"raw control":         "{\"sortCode\":\"10\n\"}",
		"nested over 64":      deep(65),
		"nested in the depth": strings.Repeat("[", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			r.do("POST", "/v1/accounts", body).is(400, "bad-json")
		})
	}
	r.do("POST", "/v1/accounts", deep(64)).is(422, "invalid")
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestAllFaultsOfABodyAreListedAtOnce(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	list := ""
	for i := range 32 {
		list += fmt.Sprintf(`,"https://a.b/%d"`, i)
	}
	for _, c := range []struct{ method, body, pointers string }{
		{"POST", `{}`, "/sortCode"},
		{"POST", `[]`, ""},
		{"POST", `null`, ""},
		{"POST", `"x"`, ""},
		{"POST", `{"sortCode":1}`, "/sortCode"},
		{"POST", `{"sortCode":null}`, "/sortCode"},
		{"POST", `{"sortCode":""}`, "/sortCode"},
		{"POST", `{"sortCode":"１０-20-30"}`, "/sortCode"},
		{"POST", `{"sortCode":"10-20-30 "}`, "/sortCode"},
		{"POST", `{"sortcode":"10-20-30"}`, "/sortCode /sortcode"},
		{"POST", `{"a/b~c":1,"sortCode":"10-20-30"}`, "/a~1b~0c"},
		{"POST", `{"sortCode":"10-20-30","accountNumber":12345678}`, "/accountNumber"},
		{"POST", `{"sortCode":"10-20-30","accountNumber":""}`, "/accountNumber"},
		{"POST", `{"sortCode":"10-20-30","accountNumber":"12345"}`, "/accountNumber"},
		{"POST", `{"sortCode":"10-20-30","accountNumber":null}`, "/accountNumber"},
		{"POST", `{"sortCode":"10-20-30","currency":"XXX"}`, "/currency"},
		{"POST", `{"sortCode":"10-20-30","currency":""}`, "/currency"},
		{"POST", `{"sortCode":"10-20-30","currency":"gbp"}`, "/currency"},
		{"POST", `{"sortCode":"10-20-30","customerURLs":null}`, "/customerURLs"},
		{"POST", `{"sortCode":"10-20-30","customerURLs":"https://a.b"}`, "/customerURLs"},
		{"POST", `{"sortCode":"10-20-30","customerURLs":{}}`, "/customerURLs"},
		{"POST", `{"sortCode":"10-20-30","customerURLs":[1,"https://a.b",null,"ftp://x"]}`, "/customerURLs/0 /customerURLs/2 /customerURLs/3"},
		{"POST", `{"sortCode":"10-20-30","cardURLs":["https://a.b","https://a.b"]}`, "/cardURLs/1"},
		{"POST", `{"sortCode":"10-20-30","cardURLs":["https://a.b"` + list + `]}`, "/cardURLs"},
		{"POST", `{"balance":0,"status":"open","version":1,"openedAt":null,"updatedAt":"","sortCode":"10-20-30"}`, "/balance /status /version /openedAt /updatedAt"},
		{"POST", `{"zzz":1,"currency":5,"cardURLs":[7,"x"],"customerURLs":7,"sortCode":"x","accountNumber":"x","balance":5}`,
			"/accountNumber /sortCode /customerURLs /cardURLs/0 /cardURLs/1 /currency /zzz /balance"},
		{"PUT", `{"customerURLs":null,"balance":1}`, "/sortCode /customerURLs /balance"},
		{"PUT", `{"sortCode":"10-20-30","accountNumber":5,"currency":null}`, "/accountNumber /currency"},
		{"PATCH", `{"sortCode":null,"currency":null,"accountNumber":null,"cardURLs":[null]}`, "/accountNumber /sortCode /cardURLs/0 /currency"},
		{"PATCH", `[]`, ""},
		{"PATCH", `{"status":null,"nothing":null}`, "/status /nothing"},
	} {
		path := "/v1/accounts"
		if c.method != "POST" {
			path += "/12345678"
		}
		got := r.do(c.method, path, c.body).is(422, "invalid")
		if got.pointers() != c.pointers || len(got.problem().Errors) == 0 {
			t.Errorf("%s %.200s:\n%s", c.method, c.body, got.text)
		}
	}
	if r.head() != 1 {
		t.Errorf("%d events", r.head())
	}
}

func TestMisspeltFieldsGetASuggestion(t *testing.T) {
	r := newRig(t)
	for given, meant := range map[string]string{
		"sortcode": "sortCode", "SortCode": "sortCode", "sort_code": "sortCode", "customerUrls": "customerURLs",
		"cardURL": "cardURLs", "acountNumber": "accountNumber", "curency": "currency", "colour": "", "balances": "",
	} {
		got := r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30","`+given+`":"x"}`)
		if given == "sortCode" {
			continue
		}
		detail := got.is(422, "invalid").problem().Errors[0].Detail
		if (meant != "") != strings.Contains(detail, "did you mean "+meant+"?") {
			t.Errorf("%s: %s", given, detail)
		}
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	r := newRig(t)
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, `,"field%d":1`, i)
	}
	p := r.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"`+b.String()+`}`).is(422, "invalid").problem()
	if len(p.Errors) != 1000 || !strings.Contains(p.Detail, "5000") {
		t.Errorf("%d faults, %s", len(p.Errors), p.Detail)
	}
}

func TestABodyMayHaveAMebibyte(t *testing.T) {
	r := newRig(t)
	body := `{"sortCode":"10-20-30"}`
	r.do("POST", "/v1/accounts", body+spaces(1<<20-len(body))).is(201, "")
	r.do("POST", "/v1/accounts", body+spaces(1<<20-len(body)+1)).is(413, "body-too-large")
	chunked := func(n int) *http.Request {
		req, _ := http.NewRequest("POST", r.url+"/v1/accounts", io.MultiReader(strings.NewReader(body), strings.NewReader(spaces(n-len(body)))))
		req.Header.Set("Content-Type", "application/json")
		return req
	}
	r.send(chunked(1<<20)).is(201, "")
	r.send(chunked(1<<20+1)).is(413, "body-too-large")
	r.send(chunked(5<<20)).is(413, "body-too-large")
	if r.head() != 2 {
		t.Errorf("%d events", r.head())
	}
}

// raw sends text on a connection of its own, and reads one answer.
func (r *rig) raw(text string) (*http.Response, net.Conn, *bufio.Reader) {
	r.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		r.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		r.Fatal(err)
	}
	return answer, conn, reader
}

func TestABodyThatDoesNotArriveIsAnswered(t *testing.T) {
	r := newRig(t, func(c *api.Config) { c.BodyTimeout = 20 * time.Millisecond })
	answer, _, reader := r.raw("POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"sortCode\":")
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != 400 || !strings.Contains(string(text), `"code":"bad-json"`) || !strings.Contains(string(text), "in time") || !answer.Close {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("the connection is not closed: %v", err)
	}
}

func TestABodyThatEndsEarlyIsAnswered(t *testing.T) {
	r := newRig(t)
	answer, _, _ := r.raw("POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\nzz\r\n")
	if answer.StatusCode != 400 {
		t.Error(answer.Status)
	}
	if r.head() != 0 {
		t.Error("something was stored")
	}
}

func TestAClientThatAsksFirstNeedNotSendTooMuch(t *testing.T) {
	r := newRig(t)
	answer, _, _ := r.raw("POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n")
	if answer.StatusCode != 413 {
		t.Error(answer.Status)
	}
}

func TestAConnectionServesOneRequestAfterAnother(t *testing.T) {
	r := newRig(t)
	body := `{"sortCode":"10-20-30"}`
	request := fmt.Sprintf("POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	first, _, reader := r.raw(request + request)
	if _, err := io.Copy(io.Discard, first.Body); err != nil {
		t.Fatal(err)
	}
	second, err := http.ReadResponse(reader, nil)
	if err != nil || first.StatusCode != 201 || second.StatusCode != 201 {
		t.Errorf("%v, %v", err, second)
	}
}
