package bench

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

// Settings say what to measure, and how long. [Defaults] are sensible ones.
type Settings struct {
	Duration Duration `json:"duration"` // of one comparison, both sides together
	Slice    Duration `json:"slice"`    // of one side at a time
	WarmUp   Duration `json:"warmUp"`   // of each side, not counted

	Callers       []int `json:"callers"`       // of the append cases
	WriterCallers int   `json:"writerCallers"` // in all, of the competing writers
	Readers       int   `json:"readers"`       // that read histories at once
	Connections   int   `json:"connections"`   // of the HTTP cases
	Events        int   `json:"events"`        // in the log of the replay, snapshot and history cases
	Accounts      int   `json:"accounts"`      // in it
	HeapAccounts  int   `json:"heapAccounts"`  // of the memory case
	StallAccounts int   `json:"stallAccounts"` // of the stall case
	Short         int   `json:"short"`         // lengths of the two logs of the growth case
	Long          int   `json:"long"`
}

// Duration is a time.Duration that is text in JSON.
type Duration time.Duration

// MarshalText gives text such as 1.5s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Defaults make a run of about four minutes.
func Defaults() Settings {
	return Settings{
		Duration: Duration(8 * time.Second), Slice: Duration(time.Second), WarmUp: Duration(time.Second),
		Callers: []int{1, 16, 64, 256, 1000}, WriterCallers: 192, Readers: 16, Connections: 128,
		Events: 160_000, Accounts: 16_000, HeapAccounts: 20_000, StallAccounts: 100_000,
		Short: 20_000, Long: 200_000,
	}
}

// Check says what keeps s from being measured.
func (s Settings) Check() error {
	for name, n := range map[string]int{"writer-callers": s.WriterCallers, "readers": s.Readers, "connections": s.Connections,
		"accounts": s.Accounts, "heap-accounts": s.HeapAccounts, "stall-accounts": s.StallAccounts, "short": s.Short} {
		if n < 1 {
			return fmt.Errorf("%s %d: at least 1 is expected", name, n)
		}
	}
	switch {
	case s.Slice <= 0 || s.Duration < s.Slice || s.WarmUp < 0:
		return fmt.Errorf("duration %s, slice %s, warm-up %s: a comparison is made of slices, which are longer than 0",
			time.Duration(s.Duration), time.Duration(s.Slice), time.Duration(s.WarmUp))
	case len(s.Callers) == 0 || slices.Min(s.Callers) < 1 || slices.Max(s.Callers) > 8000:
		return fmt.Errorf("callers %d: numbers from 1 to 8000 are expected", s.Callers)
	case s.WriterCallers < 3:
		return fmt.Errorf("writer-callers %d: at least 3 are expected, one for each writer", s.WriterCallers)
	case s.Events < s.Accounts:
		return fmt.Errorf("events %d: at least one for each of the %d accounts is expected", s.Events, s.Accounts)
	case s.Short < growthAccounts || s.Long <= s.Short:
		return fmt.Errorf("short %d, long %d: at least %d is expected, and the long log to be longer", s.Short, s.Long, growthAccounts)
	}
	return nil
}

func (s Settings) pace() pace {
	return pace{total: time.Duration(s.Duration), slice: time.Duration(s.Slice), warmUp: time.Duration(s.WarmUp)}
}

// run is one under way.
type run struct {
	place    Place
	driver   driver
	settings Settings
	report   *Report
	only     []string
	told     func(Progress)
}

// Progress says which case comes next, or what is prepared for it: then Number is 0.
type Progress struct {
	Case       string
	Title      string
	Number, Of int
}

// group is some cases that are made together.
type group struct {
	cases []*Case
	// measure fills them in.
	measure func(ctx context.Context) error
}

// Cases are the names of all cases there are, in their order.
func Cases(s Settings) (all []string) {
	for _, g := range (&run{place: InMemory(), settings: s, driver: driver{conditional: noConditional}}).groups() {
		for _, c := range g.cases {
			all = append(all, c.Name)
		}
	}
	return all
}

func noConditional(context.Context) (side, error) { return nil, errors.New("not here") }

// groups are all that the store takes part in.
func (r *run) groups() []group {
	return slices.Concat(r.appends(), r.writers(), r.replays(), r.snapshots(), r.reads(), r.http(), r.heap(), r.stalls(), r.growth())
}

// ErrNoCase is that no case has a name that was asked for.
var ErrNoCase = errors.New("no case has such a name")

// Run measures the cases whose names match one of only, all if there is none: append/64, or
// patterns such as append/*. told hears of each before it begins. What can't be measured
// says so in the report. With an error, of ctx or ErrNoCase, the report is of what there
// was until then; the place is not removed either way.
func Run(ctx context.Context, place Place, s Settings, only []string, told func(Progress)) (*Report, error) {
	r := &run{place: place, driver: place.raw(), settings: s, only: only, told: told}
	r.report = &Report{
		Format: Format, Started: time.Now().UTC().Truncate(time.Second), Machine: machine(),
		Store: place.Kind(), About: place.About(), Settings: s, Only: only, Cases: []*Case{},
	}
	began := time.Now()
	defer func() { r.report.Seconds = time.Since(began).Seconds() }()
	chosen := r.chosen()
	total := 0
	for _, g := range chosen {
		total += len(g.cases)
	}
	if total == 0 {
		return r.report, ErrNoCase
	}
	number := 0
	for _, g := range chosen {
		told(Progress{Case: g.cases[0].Name, Title: g.cases[0].Title, Number: number + 1, Of: total})
		number += len(g.cases)
		err := g.measure(ctx)
		if ctx.Err() != nil {
			return r.report, ctx.Err()
		}
		for _, c := range g.cases {
			if err != nil && len(c.Result.Samples) == 0 {
				c.Failed = err.Error()
			}
			judge(c, r.report.Store, s)
			r.report.Cases = append(r.report.Cases, c)
		}
	}
	return r.report, nil
}

// chosen are the groups of which a case was asked for.
func (r *run) chosen() (chosen []group) {
	for _, g := range r.groups() {
		if slices.ContainsFunc(g.cases, func(c *Case) bool { return len(r.only) == 0 || Matches(r.only, c.Name) }) {
			chosen = append(chosen, g)
		}
	}
	return chosen
}

// Matches tells whether one of some patterns names a case; append stands for append/* too.
func Matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		exact, _ := path.Match(p, name)
		below, _ := path.Match(p+"/*", name)
		return exact || below
	})
}

// value is what a comparison is about.
type value struct {
	of   string
	less bool
	from func(a, b sample) float64
}

var (
	rates = value{of: "rate ÷ rate", from: func(a, b sample) float64 { return a.rate() / b.rate() }}
	costs = value{of: "cost ÷ cost", less: true, from: func(a, b sample) float64 { return b.rate() / a.rate() }}
	p50s  = value{of: "p50 ÷ p50", less: true, from: func(a, b sample) float64 {
		return float64(a.latency.ValueAtQuantile(50)) / float64(b.latency.ValueAtQuantile(50))
	}}
)

// named is a side with what it does.
type named struct {
	what string
	do   side
}

// compare has two sides work in turns, and fills in the case.
func (r *run) compare(ctx context.Context, c *Case, unit string, v value, a, b named) error {
	as, bs, err := alternate(ctx, r.settings.pace(), a.do, b.do)
	if err != nil {
		return err
	}
	ratios := make([]float64, len(as))
	for i := range as {
		ratios[i] = v.from(as[i], bs[i])
	}
	c.Measured, c.Beside = newSide(a.what, unit, as), newSide(b.what, unit, bs)
	c.Result = newResult(v.of, "", v.less, ratios)
	return nil
}

// alone has one side work by itself, where there is nothing to compare it with.
func (r *run) alone(ctx context.Context, c *Case, unit string, a named) error {
	nothing := func(context.Context, time.Duration) (sample, error) { return sample{}, nil }
	as, _, err := alternate(ctx, r.settings.pace(), a.do, nothing)
	if err != nil {
		return err
	}
	c.Measured = newSide(a.what, unit, as)
	c.Result = newResult("rate", unit, false, c.Measured.Slices)
	return nil
}
