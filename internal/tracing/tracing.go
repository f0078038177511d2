// Package tracing makes OpenTelemetry spans of requests and commands, and sends them
// to a collector by OTLP over HTTP. The packages that do the work know nothing of it:
// they tell observers, and what went on in the Writer becomes spans afterwards, of the
// times that come back with each command.
//
//	POST /v1/accounts                the request
//	├── queue                        the command waits for its turn
//	├── decide                       … is decided, again after each conflict
//	├── append                       the batch that it is part of is stored
//	└── apply                        … and becomes part of the state
//
// A collector that can't be reached costs spans and nothing else: they wait in a queue
// of bounded length, and what does not fit is dropped.
package tracing

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Config says where spans go. What it does not say comes from the environment
// variables of OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT and the others of the
// exporter, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER.
type Config struct {
	// Endpoint is the collector's URL. It comes before the environment's; a path that
	// is left out is /v1/traces.
	Endpoint string
	Version  string // of the program
	// Failed is told of spans that could not be delivered, by the tracer's goroutine.
	Failed func(error)
}

// Tracer makes spans. It is safe for concurrent use; a nil one makes none. One goroutine
// sends them; Close ends it.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	parents  propagation.TraceContext
}

// Start begins to trace, if the Config or the environment names a collector; otherwise
// the Tracer is nil. The collector need not be there. Errors: an endpoint that is none.
func Start(ctx context.Context, cfg Config) (*Tracer, error) {
	if !wanted(cfg.Endpoint) {
		return nil, nil
	}
	var options []otlptracehttp.Option
	if cfg.Endpoint != "" {
		endpoint, err := parseEndpoint(cfg.Endpoint)
		if err != nil {
			return nil, err
		}
		options = append(options, otlptracehttp.WithEndpointURL(endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("openpayment"), semconv.ServiceVersion(cfg.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(telling{exporter, cfg.Failed}), sdk.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("openpayment")}, nil
}

// wanted tells whether a collector is named, and not switched off.
func wanted(endpoint string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func parseEndpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q: a URL of an OTLP collector is expected, such as http://127.0.0.1:4318", text)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// closeLimit is how long the last spans may take to be delivered: the end of the
// process is not worth more.
const closeLimit = 3 * time.Second

// Close sends what waits, for a few seconds at most and no longer than ctx, and drops
// the rest. A nil Tracer has nothing to send.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what could not be delivered was told
}

// telling is an exporter whose failures are told to Config.Failed. The SDK would print
// them on standard error, by a function that is global.
type telling struct {
	sdk.SpanExporter
	failed func(error)
}

// ExportSpans implements [sdk.SpanExporter].
func (e telling) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil && e.failed != nil {
		e.failed(err)
	}
	return nil
}
