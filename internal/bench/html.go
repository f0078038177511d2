package bench

import (
	"bytes"
	_ "embed"
	"html/template"
	"strconv"
	"strings"
	"time"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"short": short, "rate": rate, "latency": inTime, "optional": optional,
	"duration": func(d Duration) string { return time.Duration(d).String() },
	"class":    func(verdict string) string { return strings.ToLower(strings.Fields(verdict)[0]) },
}).Parse(pageText))

// HTML gives the report as one page that needs nothing else: no network, no script. Where
// old is not nil, what has changed since is in it.
func (r *Report) HTML(old *Report) ([]byte, error) {
	shown := struct {
		*Report
		Plots   []plot
		Changes Changes
	}{Report: r, Plots: r.plots()}
	if old != nil {
		shown.Changes = Compare(old, r)
	}
	var b bytes.Buffer
	err := page.Execute(&b, shown)
	return b.Bytes(), err
}

// plots are those of the report's cases that can be drawn.
func (r *Report) plots() (all []plot) {
	if p, ok := r.ratios(); ok {
		all = append(all, p)
	}
	var service, beside []point
	var p50, p99 []point
	for _, c := range r.Cases {
		n, err := strconv.Atoi(strings.TrimPrefix(c.Name, "append/"))
		if err != nil || c.Failed != "" {
			continue
		}
		service = append(service, point{float64(n), c.Measured.Rate, c.Measured.Low, c.Measured.High})
		beside = append(beside, point{float64(n), c.Beside.Rate, c.Beside.Low, c.Beside.High})
		p50 = append(p50, point{float64(n), c.Measured.P50 / 1000, 0, 0})
		p99 = append(p99, point{float64(n), c.Measured.P99 / 1000, 0, 0})
	}
	if len(service) > 1 {
		all = append(all,
			curves("Appends", "callers", "events/s", curve{"service", service}, curve{"driver alone", beside}),
			curves("Latency of appends", "callers", "ms", curve{"p50", p50}, curve{"p99", p99}))
	}
	for _, c := range r.Cases {
		if c.Measured != nil && c.Beside != nil && c.Failed == "" {
			all = append(all, sliceBySlice(c))
		}
	}
	return all
}
