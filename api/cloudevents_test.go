package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// cloudEventOf is a CloudEvent with more members.
func cloudEventOf(more string) string {
	ce := `{"specversion":"1.0","id":"a-1","source":"/crm","type":"com.example.customer.created","subject":"customers/1","data":{"n":1}`
	if more != "" {
		ce += "," + more
	}
	return ce + "}"
}

const wholeCloudEvent = `"time":"2026-01-02T03:04:05.123456789+01:00","datacontenttype":"application/vnd.crm+json; v=2","dataschema":"https://schemas.example/c.json",` +
	`"partitionkey":"x \u00e9","priority":-5,"urgent":true,"big1":2147483647,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"`

// members are those of a JSON object.
func members(t *testing.T, text string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return all
}

// What came as a CloudEvent goes out as that CloudEvent, whichever way.
func TestACloudEventComesBackAsItCame(t *testing.T) {
	r := newRig(t)
	for seq, more := range []string{"", wholeCloudEvent} {
		want := members(t, cloudEventOf(more))
		want["sequence"], want["sequencetype"] = fmt.Sprint(seq+1), "Integer"
		if want["datacontenttype"] == nil {
			want["datacontenttype"] = "application/json" // which is what leaving it out means
		}
		check := func(got string) {
			t.Helper()
			if is := members(t, strings.Trim(got, "[]")); !reflect.DeepEqual(is, want) {
				t.Errorf("%v\nwant %v", is, want)
			}
		}
		posted := r.append(cloudEventOf(more), "Content-Type: "+oneCloudEvent+"; charset=utf-8", "Accept: "+oneCloudEvent).
			is(201, "").has("Content-Type: "+oneCloudEvent, "Vary: Accept", fmt.Sprint("Location: /v1/events/", seq+1), fmt.Sprint("Event-Position: ", seq+1))
		check(string(posted.text))
		check(string(r.do("GET", fmt.Sprint("/v1/events/", seq+1), "", "Accept: "+oneCloudEvent).is(200, "").has("Content-Type: "+oneCloudEvent, "Vary: Accept").text))
		check(string(r.do("GET", fmt.Sprint("/v1/events?after=", seq), "", "Accept: "+manyCloudEvents).is(200, "").text))
	}
	batch := "[" + cloudEventOf("") + "," + cloudEventOf(wholeCloudEvent) + "]"
	got := r.append(batch, "Content-Type: "+manyCloudEvents, "Accept: "+manyCloudEvents).is(201, "").has("Content-Type: "+manyCloudEvents, "Location:", "Event-Position: 4")
	var all []map[string]any
	got.decode(&all)
	if len(all) != 2 || all[1]["partitionkey"] != "x é" || all[1]["sequence"] != "4" {
		t.Errorf("%s", got.text)
	}
	// JSON is what a client gets that names nothing.
	if items := r.append(batch, "Content-Type: "+manyCloudEvents).is(201, "").has("Content-Type: application/json").page().Items; len(items) != 2 ||
		items[0].ID == "a-1" || items[0].Meta["ceId"] != "a-1" || items[0].Meta["ceSource"] != "/crm" || items[1].Meta["atomic"] != "2/2" {
		t.Errorf("%+v", items)
	}
	r.do("GET", "/v1/events/1", "").is(200, "").has("Content-Type: application/json", "Vary: Accept")
}

func TestAnEventThatCameOtherwiseIsACloudEventOfTheLog(t *testing.T) {
	r := newRig(t)
	r.open("12345678")
	r.append(appendBody("", 0, renamed("customers/1")), "Accept: "+oneCloudEvent).is(201, "")
	for seq, typ := range map[string]string{"1": "account.opened", "2": "customer.renamed"} {
		var ev eventBody
		r.do("GET", "/v1/events/"+seq, "").decode(&ev)
		got := members(t, string(r.do("GET", "/v1/events/"+seq, "", "Accept: "+oneCloudEvent).text))
		if got["id"] != ev.ID || got["source"] != "/logs/main" || got["type"] != typ || got["time"] != ev.Time || got["sequence"] != seq || len(got) != 10 {
			t.Errorf("%v", got)
		}
	}
}

// but is a CloudEvent of which one member is another, or, if the value is empty, not
// there.
func but(t *testing.T, name, value string) string {
	t.Helper()
	all := members(t, cloudEventOf(""))
	delete(all, name)
	text, _ := json.Marshal(all) // which has been JSON
	if value != "" {
		return strings.TrimSuffix(string(text), "}") + `,"` + name + `":` + value + "}"
	}
	return string(text)
}

func TestAllFaultsOfACloudEventAreListedAtOnce(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ body, pointers string }{
		{`[]`, ""},
		{`{}`, "/specversion /id /source /type /subject /data"},
		{but(t, "specversion", `"0.3"`), "/specversion"},
		{but(t, "specversion", `1.0`), "/specversion"},
		{but(t, "id", ""), "/id"},
		{but(t, "id", `""`), "/id"},
		{but(t, "id", `7`), "/id"},
		{but(t, "id", `"a\u0007"`), "/id"},
		{but(t, "id", `null`), "/id"},
		{but(t, "source", ""), "/source"},
		{but(t, "source", `"a b"`), "/source"},
		{but(t, "source", `"é"`), "/source"},
		{but(t, "source", `"/{tenant}"`), "/source"},
		{but(t, "source", `"a\\b"`), "/source"},
		{but(t, "source", `"http://[::1"`), "/source"},
		{but(t, "type", ""), "/type"},
		{but(t, "subject", ""), "/subject"},
		{but(t, "data", ""), "/data"},
		{but(t, "data", `[1]`), "/data"},
		{but(t, "data", `"{}"`), "/data"},
		{but(t, "data", `null`), "/data"},
		{but(t, "data", `{"x":"`+strings.Repeat("x", 64<<10)+`"}`), "/data"},
		{cloudEventOf(`"data_base64":"e30="`), "/data_base64"},
		{strings.Replace(but(t, "data", `1`), `"data":1`, `"data_base64":"e30="`, 1), "/data_base64"},
		{cloudEventOf(`"time":"2026-01-02"`), "/time"},
		{cloudEventOf(`"time":1767323045`), "/time"},
		{cloudEventOf(`"datacontenttype":"text/xml"`), "/datacontenttype"},
		{cloudEventOf(`"datacontenttype":"application/jsonx"`), "/datacontenttype"},
		{cloudEventOf(`"dataschema":"/relative"`), "/dataschema"},
		{cloudEventOf(`"dataSchema":"https://a.b"`), "/dataSchema"},
		{cloudEventOf(`"my-extension":1`), "/my-extension"},
		{cloudEventOf(`"":1`), "/"},
		{cloudEventOf(`"ext1":{}`), "/ext1"},
		{cloudEventOf(`"ext1":[],"ext2":1.5,"ext3":2147483648,"ext4":"\u0000"`), "/ext1 /ext2 /ext3 /ext4"},
		{cloudEventOf(`"ext1":"` + strings.Repeat("x", 4096) + `"`), ""},
		{but(t, "source", `"/`+strings.Repeat("x", 4096)+`"`), ""},
	} {
		if got := r.append(c.body, "Content-Type: "+oneCloudEvent).is(422, "invalid"); got.pointers() != c.pointers {
			t.Errorf("%.300s: %s, want %s", c.body, got.pointers(), c.pointers)
		}
		if c.body == `[]` {
			continue
		}
		want := strings.TrimSpace("/1" + strings.ReplaceAll(c.pointers, " /", " /1/"))
		batch := "[" + cloudEventOf("") + "," + c.body + "]"
		if got := r.append(batch, "Content-Type: "+manyCloudEvents).is(422, "invalid"); got.pointers() != want {
			t.Errorf("%.300s: %s, want %s", batch, got.pointers(), want)
		}
	}
	if detail := r.append(cloudEventOf(`"dataSchema":"https://a.b"`), "Content-Type: "+oneCloudEvent).problem().Errors[0].Detail; !strings.Contains(detail, "dataschema") {
		t.Error(detail)
	}
	for _, body := range []string{`[]`, `{}`, `1`, `[1]`, `[[]]`, `null`, "[" + strings.TrimSuffix(strings.Repeat(cloudEventOf("")+",", 1001), ",") + "]"} {
		r.append(body, "Content-Type: "+manyCloudEvents).is(422, "invalid")
	}
	r.append(`[{]`, "Content-Type: "+manyCloudEvents).is(400, "bad-json")
	r.append(strings.Replace(cloudEventOf(""), "com.example.customer", "account", 1), "Content-Type: "+oneCloudEvent).is(422, "type-reserved")
	r.append("["+strings.Replace(cloudEventOf(""), "com.example.customer", "funds", 1)+"]", "Content-Type: "+manyCloudEvents).is(422, "type-reserved")
	r.append(cloudEventOf("")).is(422, "invalid") // as application/json
	if r.head() != 0 {
		t.Errorf("%d events", r.head())
	}
}

func TestWhatACloudEventNeedNotSay(t *testing.T) {
	r := newRig(t)
	for _, more := range []string{
		`"time":null,"dataschema":null,"ext1":null,"data_base64":null`, `"sequence":"17","sequencetype":"Integer","tracestate":"a=b","traceparent":7`,
		`"traceparent":"nonsense"`, `"datacontenttype":"application/json"`,
	} {
		got := r.append(cloudEventOf(more), "Content-Type: "+oneCloudEvent, "X-Request-Id: r").is(201, "").page().Items[0]
		if want := map[string]string{"requestId": "r", "ceId": "a-1", "ceSource": "/crm"}; !reflect.DeepEqual(got.Meta, want) {
			t.Errorf("%s: %v", more, got.Meta)
		}
	}
}

// CloudEvents name themselves, but that is no key: whoever repeats one sends the header.
func TestACloudEventIsAppendedOnceForEachKey(t *testing.T) {
	r := newRig(t)
	media := "Content-Type: " + oneCloudEvent
	for want := range int64(2) {
		r.append(cloudEventOf(""), media).is(201, "").has(fmt.Sprint("Event-Position: ", want+1))
	}
	first := r.append(cloudEventOf(""), media, "Idempotency-Key: a-1").is(201, "")
	sameAgain(t, r.append(cloudEventOf(""), media, "Idempotency-Key: a-1"), first)
	r.append(cloudEventOf(`"x":1`), media, "Idempotency-Key: a-1").is(422, "idempotency-key-reused")
	batch := "[" + cloudEventOf("") + "," + cloudEventOf("") + "]"
	first = r.append(batch, "Content-Type: "+manyCloudEvents, "Idempotency-Key: b").is(201, "").has("Event-Position: 5")
	sameAgain(t, r.append(batch, "Content-Type: "+manyCloudEvents, "Idempotency-Key: b"), first)
}

// Whoever can write to the store may put anything into an event's meta.
func TestMetaThatIsNoCloudEventsDoesNoHarm(t *testing.T) {
	log := memory.New()
	metas := []map[string]string{
		{"ceId": "x"}, {"ceSource": "x"}, {"ceId": "x", "ceSource": "y", "ceExtensions": "{"}, {"ceId": "x", "ceSource": "y", "ceExtensions": `[1]`},
		{"ceId": "x", "ceSource": "y", "ceExtensions": `{"id":"z","data":1,"sequence":"9","a b":1,"ok":"v","deep":{},"half":0.5,"n":null}`},
		{"ceId": "x", "ceSource": "y", "ceTime": "never", "ceDataSchema": "?", "ceDataContentType": "!"}, {"traceparent": "nonsense"},
	}
	next := 0
	foreign(t, log, len(metas), func(ev *eventstore.Event) { ev.Meta, next = eventstore.MetaOf(metas[next]), next+1 })
	r := newNode(t, log, eventstoretest.NewFaulty(log.Open()))
	<-r.read
	var all []map[string]any
	r.do("GET", "/v1/events", "", "Accept: "+manyCloudEvents).is(200, "").decode(&all)
	for i, ce := range all {
		own := metas[i]["ceId"] != "" && metas[i]["ceSource"] != ""
		if (ce["source"] == "/logs/main") == own || ce["sequence"] != fmt.Sprint(i+1) || (ce["ok"] == "v") != (i == 4) || ce["a b"] != nil || ce["deep"] != nil || ce["half"] != nil {
			t.Errorf("%v", ce)
		}
	}
}

func TestTheTraceIsKeptInEveryEvent(t *testing.T) {
	const trace, other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-11111111111111111111111111111111-2222222222222222-00"
	r := newRig(t)
	header := "traceparent: " + trace
	r.do("POST", "/v1/accounts", `{"accountNumber":"111111","sortCode":"10-20-30"}`, header, "tracestate: a=b").is(201, "")
	r.do("PATCH", "/v1/accounts/111111", `{}`, header).is(200, "")
	r.do("POST", "/v1/accounts/111111/deposits", `{"amount":1,"currency":"GBP"}`, header).is(201, "")
	r.bulk(true, []string{`{"kind":"open","sortCode":"10-20-30"}`}, header).is(201, "")
	r.bulk(false, []string{`{"kind":"open","sortCode":"10-20-30"}`}, header).is(200, "")
	r.append(appendBody("", 0, renamed("x")), header).is(201, "")
	r.append(cloudEventOf(""), header, "Content-Type: "+oneCloudEvent).is(201, "")
	r.append(cloudEventOf(`"traceparent":"`+trace+`"`), "traceparent: "+other, "Content-Type: "+oneCloudEvent).is(201, "") // the event's own wins
	r.append(cloudEventOf(`"traceparent":"x"`), header, "Content-Type: "+oneCloudEvent).is(201, "")
	events := r.do("GET", "/v1/events", "").page().Items
	for _, ev := range events {
		if ev.Meta["traceparent"] != trace || ev.Meta["tracestate"] != "" {
			t.Errorf("event %d: %v", ev.Seq, ev.Meta)
		}
	}
	if got := members(t, string(r.do("GET", "/v1/events/1", "", "Accept: "+oneCloudEvent).text)); len(events) != 9 || got["traceparent"] != trace {
		t.Errorf("%d events, %v", len(events), got)
	}
	r.open("222222")
	r.do("DELETE", "/v1/accounts/222222", "", header, header).is(204, "") // which of the two?
	for _, seq := range []string{"10", "11"} {
		var ev eventBody
		if r.do("GET", "/v1/events/"+seq, "").decode(&ev); ev.Meta["traceparent"] != "" {
			t.Errorf("event %s: %v", seq, ev.Meta)
		}
	}
}

// The examples are of W3C Trace Context, section 3.2, and what it says is not valid.
func TestATraceParentIsReadAsTheStandardHasIt(t *testing.T) {
	const fields = "-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
	for value, want := range map[string]string{
		"00" + fields + "01":                  "00" + fields + "01",
		"00" + fields + "00":                  "00" + fields + "00",
		"00" + fields + "ff":                  "00" + fields + "ff",
		"cc" + fields + "01":                  "00" + fields + "01", // a later version
		"cc" + fields + "01-what-the-future":  "00" + fields + "01",
		"cc" + fields + "01.what":             "",
		"00" + fields + "01-what-the-future":  "",
		"00" + fields + "01-":                 "",
		"ff" + fields + "01":                  "",
		"00" + strings.ToUpper(fields) + "01": "",
		"00" + fields + "1":                   "",
		"00" + fields + "001":                 "",
		"0" + fields + "01":                   "",
		"00" + fields[1:] + "01":              "",
		" 00" + fields + "01":                 "",
		"":                                    "",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": "",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": "",
	} {
		if got, ok := api.TraceParent(value); got != want || ok != (want != "") {
			t.Errorf("%q is read as %q, %t", value, got, ok)
		}
	}
	if got, ok := api.TraceParent("00"+fields+"01", "00"+fields+"01"); ok || got != "" {
		t.Errorf("two are read as %q", got)
	}
}
