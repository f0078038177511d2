package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"openpayment/eventstore"
)

// cloudEvent is an event's form after CloudEvents 1.0, with the extensions
// sequence and sequencetype as the specification's own list has them, and traceparent.
// The rest of an event's meta has no place in it.
type cloudEvent struct {
	SpecVersion     string                    `json:"specversion"`
	ID              string                    `json:"id"`
	Source          string                    `json:"source"`
	Type            string                    `json:"type"`
	Subject         string                    `json:"subject"`
	Time            string                    `json:"time,omitzero"`
	DataContentType string                    `json:"datacontenttype"`
	DataSchema      string                    `json:"dataschema,omitzero"`
	Sequence        string                    `json:"sequence"`
	SequenceType    string                    `json:"sequencetype"`
	TraceParent     string                    `json:"traceparent,omitzero"`
	Extensions      map[string]jsontext.Value `json:",embed"`
	Data            jsontext.Value            `json:"data"`
}

// Where an event's meta has the attributes of the CloudEvent that it came as. The
// extensions are a JSON object. Type, subject and data are the event's own.
const (
	metaCloudID          = "ceId"
	metaCloudSource      = "ceSource"
	metaCloudTime        = "ceTime"
	metaCloudContentType = "ceDataContentType" // left out if it is application/json
	metaCloudSchema      = "ceDataSchema"
	metaCloudExtensions  = "ceExtensions"
)

// The attributes that a CloudEvent may have beside extensions, in the order of its
// JSON form, and its two members for data.
var cloudFields = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", cloudBase64}

const cloudBase64 = "data_base64"

// cloudOwn are the extensions that are not kept as such: what they say of an event in
// a log, that log says itself.
var cloudOwn = []string{"sequence", "sequencetype", metaTraceParent, "tracestate"}

// toCloud gives an event as a CloudEvent. One that came as a CloudEvent has its own
// id, source, time and extensions again.
func (c *call) toCloud(ev eventstore.Event) cloudEvent {
	w := eventToWire(ev)
	ce := cloudEvent{
		SpecVersion: "1.0", ID: w.ID, Source: "/logs/" + url.PathEscape(c.h.cfg.LogName),
		Type: w.Type, Subject: w.Subject, Time: w.Time, DataContentType: mediaJSON,
		Sequence: strconv.FormatInt(int64(w.Seq), 10), SequenceType: "Integer",
		TraceParent: ev.Meta.Get(metaTraceParent), Data: w.Data,
	}
	if ev.Meta.Get(metaCloudID) == "" || ev.Meta.Get(metaCloudSource) == "" {
		return ce
	}
	ce.ID, ce.Source, ce.Time = ev.Meta.Get(metaCloudID), ev.Meta.Get(metaCloudSource), ev.Meta.Get(metaCloudTime)
	if media := ev.Meta.Get(metaCloudContentType); media != "" {
		ce.DataContentType = media
	}
	ce.DataSchema, ce.Extensions = ev.Meta.Get(metaCloudSchema), cloudExtensions(ev.Meta.Get(metaCloudExtensions))
	return ce
}

// cloudExtensions reads what an event's meta has of extensions. Whoever can write to the
// store can write there: what is no extension is left out.
func cloudExtensions(text string) map[string]jsontext.Value {
	var all map[string]jsontext.Value
	if json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	maps.DeleteFunc(all, func(name string, value jsontext.Value) bool {
		return !extensionName(name) || slices.Contains(cloudOwn, name) || extensionFault(value) != ""
	})
	return all
}

// replyEvents answers with body, or with the events alone as CloudEvents, where
// Link says how to go on.
func (c *call) replyEvents(status int, events []eventstore.Event, body any) error {
	c.w.Header().Set("Vary", "Accept")
	if !c.wantsCloudEvents() {
		return c.reply(status, mediaJSON, body)
	}
	return c.reply(status, mediaCloudEvents, mapped(events, c.toCloud))
}

// replyEvent answers with one event, as a CloudEvent if the client likes.
func (c *call) replyEvent(ev eventstore.Event) error {
	c.w.Header().Set("Vary", "Accept")
	if preferred(c.r.Header, mediaJSON, mediaCloudEvent) == mediaCloudEvent {
		return c.reply(http.StatusOK, mediaCloudEvent, c.toCloud(ev))
	}
	return c.reply(http.StatusOK, mediaJSON, eventToWire(ev))
}

func (c *call) wantsCloudEvents() bool {
	return preferred(c.r.Header, mediaJSON, mediaCloudEvents) == mediaCloudEvents
}
