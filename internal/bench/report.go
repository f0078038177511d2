package bench

import (
	"runtime"
	"time"
)

// Format is the version of [Report] as JSON: it grows when a reader of the one before
// would be misled.
const Format = 1

// Report is what a run has come to.
type Report struct {
	Format   int       `json:"format"`
	Version  string    `json:"version"` // of the program
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"` // that it took in all
	Machine  Machine   `json:"machine"`
	Store    string    `json:"store"` // Memory, SQLite or Cassandra
	About    []string  `json:"about"` // the store, for people
	Settings Settings  `json:"settings"`
	Only     []string  `json:"only,omitempty"` // the cases that were asked for; none: all
	Cases    []*Case   `json:"cases"`
}

// Machine is what the program ran on.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
}

// Case is one thing that was measured.
type Case struct {
	Name  string `json:"name"`  // append/64
	Title string `json:"title"` // in words
	// Measured is the service, Beside what it is compared with; nil where it is measured
	// by itself.
	Measured *Side `json:"measured,omitempty"`
	Beside   *Side `json:"beside,omitempty"`
	// Result is what counts: a ratio of the two, or a value.
	Result Result `json:"result"`
	Goal   *Goal  `json:"goal,omitempty"` // if there is one, under these conditions
	// Figures are further ones, in the order in which they are to be shown.
	Figures []Figure `json:"figures,omitempty"`
	Failed  string   `json:"failed,omitempty"` // why it could not be measured
}

// Side is one side of a comparison, over all slices.
type Side struct {
	What string  `json:"what"`
	Unit string  `json:"unit"` // of Rate: events/s
	Rate float64 `json:"rate"` // median of the slices
	Low  float64 `json:"low"`  // their quartiles
	High float64 `json:"high"`
	// Latencies in microseconds; 0: not taken.
	P50  float64 `json:"p50,omitempty"`
	P99  float64 `json:"p99,omitempty"`
	P999 float64 `json:"p999,omitempty"`
	// Slices are the rates, in the order in which they were measured.
	Slices []float64 `json:"slices"`
}

// Result is a ratio, or a value with its unit: the median of Samples and their quartiles.
type Result struct {
	Of      string    `json:"of"`             // what is divided by what, or what is valued
	Unit    string    `json:"unit,omitempty"` // empty: a ratio
	Median  float64   `json:"median"`
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Samples []float64 `json:"samples"`
	Less    bool      `json:"less,omitempty"` // less is better
}

// Figure is a further number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

func newResult(of, unit string, less bool, samples []float64) Result {
	r := Result{Of: of, Unit: unit, Less: less, Samples: samples}
	r.Median, r.Low, r.High = quartiles(samples)
	return r
}

func newSide(what, unit string, samples []sample) *Side {
	s := &Side{What: what, Unit: unit}
	all := newLatencies()
	for _, one := range samples {
		s.Slices = append(s.Slices, one.rate())
		if one.latency != nil {
			all.Merge(one.latency)
		}
	}
	s.Rate, s.Low, s.High = quartiles(s.Slices)
	micros := func(part float64) float64 { return float64(all.ValueAtQuantile(part)) / 1000 }
	if all.TotalCount() > 0 {
		s.P50, s.P99, s.P999 = micros(50), micros(99), micros(99.9)
	}
	return s
}

// add appends further figures.
func (c *Case) add(figures ...Figure) { c.Figures = append(c.Figures, figures...) }

// machine is what this program runs on.
func machine() Machine {
	return Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0), Go: runtime.Version()}
}
