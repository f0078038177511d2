package tracing

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"openpayment/api"
	"openpayment/eventstore"
)

// The attributes that no convention has a name for.
const (
	requestID   = attribute.Key("openpayment.request.id")
	problemCode = attribute.Key("openpayment.problem")
	commandKind = attribute.Key("openpayment.command")
	conflicts   = attribute.Key("openpayment.conflicts")
	batchEvents = attribute.Key("openpayment.batch.events")
	batchFirst  = attribute.Key("openpayment.batch.first_seq")
)

// API gives the observer that makes the spans. That of a nil Tracer does nothing.
func (t *Tracer) API() api.Observer {
	if t == nil {
		return api.Observer{}
	}
	return api.Observer{Began: t.began, Ended: t.ended, Commanded: t.commanded}
}

// courseKey is where a request's context keeps the course that was last made into
// spans: many commands of a bulk have the same. It belongs to the request's goroutine.
type courseKey struct{}

// began starts the request's span, in the trace that the client is part of, and has the
// request's events and log lines marked with it.
func (t *Tracer) began(ctx context.Context, e *api.Exchange) context.Context {
	if e.Traceparent != "" {
		ctx = t.parents.Extract(ctx, propagation.HeaderCarrier(e.Request.Header))
	}
	ctx, span := t.tracer.Start(ctx, spanName(e), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(e.Began))
	where := span.SpanContext()
	e.Traceparent = "00-" + where.TraceID().String() + "-" + where.SpanID().String() + "-" + where.TraceFlags().String()
	if !span.IsRecording() {
		return ctx
	}
	scheme := "http"
	if e.Request.TLS != nil {
		scheme = "https"
	}
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(e.Method), semconv.URLPath(e.Request.URL.EscapedPath()), semconv.URLScheme(scheme),
		semconv.NetworkProtocolVersion(strconv.Itoa(e.Request.ProtoMajor)+"."+strconv.Itoa(e.Request.ProtoMinor)), requestID.String(e.ID))
	if e.Route != "" {
		span.SetAttributes(semconv.HTTPRoute(e.Route))
	}
	return context.WithValue(ctx, courseKey{}, new(eventstore.Course))
}

// spanName is the method and the route, which are few; a path is never part of it.
func spanName(e *api.Exchange) string {
	method := e.Method
	if method == "_OTHER" {
		method = "HTTP"
	}
	if e.Route == "" {
		return method
	}
	return method + " " + e.Route
}

func (t *Tracer) ended(ctx context.Context, e *api.Exchange) {
	span := trace.SpanFromContext(ctx)
	if e.Status > 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(e.Status))
	}
	if e.Problem != "" {
		span.SetAttributes(problemCode.String(e.Problem))
	}
	switch {
	case e.Status == 0:
		span.SetStatus(codes.Error, "the connection was cut before there was an answer")
	case e.Status >= 500:
		span.SetAttributes(semconv.ErrorTypeKey.String(cmp.Or(e.Problem, strconv.Itoa(e.Status))))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(e.Began.Add(e.Took)))
}

// commanded makes the spans of a command's way through the Writer.
func (t *Tracer) commanded(ctx context.Context, c api.Command) {
	last, recording := ctx.Value(courseKey{}).(*eventstore.Course)
	course := c.Course
	if !recording || course.Queued.IsZero() || course == *last {
		return
	}
	*last = course
	kind := commandKind.String(c.Kind)
	if course.Taken.IsZero() {
		return
	}
	t.stage(ctx, "queue", course.Queued, course.Taken, kind)
	if course.Decided.IsZero() {
		return
	}
	t.stage(ctx, "decide", course.Taken, course.Decided, kind, conflicts.Int(course.Conflicts))
	if course.Appended.IsZero() {
		return
	}
	t.stage(ctx, "append", course.Decided, course.Appended, batchFirst.Int64(int64(course.First)), batchEvents.Int(course.Events))
	if !course.Applied.IsZero() {
		t.stage(ctx, "apply", course.Appended, course.Applied, batchFirst.Int64(int64(course.First)), batchEvents.Int(course.Events))
	}
}

// stage makes a span of what is over.
func (t *Tracer) stage(ctx context.Context, name string, from, to time.Time, attributes ...attribute.KeyValue) {
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(to))
}
