package api

import (
	"regexp"
	"strings"
)

// metaTraceParent is where an event's meta has the trace that led to it; the header, and
// the CloudEvents attribute, are called so too.
const metaTraceParent = "traceparent"

// traceFields are version, trace, parent and flags of a traceparent (W3C Trace Context,
// section 3.2), and what a later version may have behind them.
var traceFields = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$`)

// traceParent reads a traceparent, in the form of version 00, which is the one known
// here. One that is not valid, or stands more than once, is none: the standard has it
// ignored.
func traceParent(values []string) (parent string, ok bool) {
	if len(values) != 1 {
		return "", false
	}
	fields := traceFields.FindStringSubmatch(values[0])
	if fields == nil {
		return "", false
	}
	version, trace, span, flags, more := fields[1], fields[2], fields[3], fields[4], fields[5]
	if version == "ff" || version == "00" && more != "" || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return "", false
	}
	return strings.Join([]string{"00", trace, span, flags}, "-"), true
}
