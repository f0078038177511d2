package bench

import (
	"fmt"
	"math"
)

// plot is a picture with two axes, in units of the page; the template draws it.
type plot struct {
	Title, X, Y string
	Width       float64
	Height      float64
	Left        float64 // of the area within the axes
	Bottom      float64
	XTicks      []tick
	YTicks      []tick
	Curves      []drawn
	Bars        []bar
}

// tick is a place on an axis.
type tick struct {
	At   float64
	Text string
}

// drawn is a curve: its points joined, and the spread of each.
type drawn struct {
	Name    string
	Colour  int
	Path    string
	Dots    []dot
	LegendY float64
}

type dot struct{ X, Y, Low, High float64 }

// bar is a result with its spread, and its goal and floor; none: below 0.
type bar struct {
	Name, Text, Class string
	Y, Top, Base      float64
	At, Low, High     float64
	Goal, Floor       float64
}

// point is one of a curve.
type point struct{ x, y, low, high float64 }

type curve struct {
	name   string
	points []point
}

const (
	plotWidth, plotHeight = 640, 300
	plotLeft, plotRight   = 70, 20
	plotTop, plotBottom   = 20, 45
	barHeight             = 24
	nameWidth             = 190
)

// scale leads from values to places.
type scale func(v float64) float64

func linear(from, to, low, high float64) scale {
	return func(v float64) float64 { return low + (v-from)/(to-from)*(high-low) }
}

func logarithmic(from, to, low, high float64) scale {
	in := linear(math.Log(from), math.Log(to), low, high)
	return func(v float64) float64 { return in(math.Log(min(max(v, from), to))) }
}

// curves draws some over a logarithmic x.
func curves(title, x, y string, all ...curve) plot {
	p := plot{Title: title, X: x, Y: y, Width: plotWidth, Height: plotHeight, Left: plotLeft, Bottom: plotHeight - plotBottom}
	first, top := all[0].points, 0.0
	for _, c := range all {
		for _, at := range c.points {
			top = max(top, at.y, at.high)
		}
	}
	xs := logarithmic(first[0].x, first[len(first)-1].x*1.0001, plotLeft+10, plotWidth-plotRight)
	if first[0].x >= first[len(first)-1].x { // they are not in order
		xs = func(float64) float64 { return plotWidth / 2 }
	}
	for _, at := range first {
		p.XTicks = append(p.XTicks, tick{xs(at.x), short(at.x)})
	}
	ys := p.rising(top)
	for i, c := range all {
		p.Curves = append(p.Curves, draw(i, c, xs, ys))
	}
	return p
}

// rising has y begin at 0, and ticks at round numbers.
func (p *plot) rising(top float64) scale {
	step := roundStep(top / 4)
	top = max(step*math.Ceil(top/step), step)
	ys := linear(0, top, p.Bottom, plotTop)
	for v := 0.0; v <= top*1.001; v += step {
		p.YTicks = append(p.YTicks, tick{ys(v), short(v)})
	}
	return ys
}

// roundStep is 1, 2 or 5 times a power of ten, v at least.
func roundStep(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v {
			return n * power
		}
	}
	return 10 * power
}

func draw(i int, c curve, xs, ys scale) drawn {
	d := drawn{Name: c.name, Colour: i, LegendY: plotTop + 4 + float64(16*i)}
	for n, at := range c.points {
		verb := "L"
		if n == 0 {
			verb = "M"
		}
		d.Path += fmt.Sprintf("%s%.1f %.1f ", verb, xs(at.x), ys(at.y))
		spread := dot{X: xs(at.x), Y: ys(at.y), Low: ys(at.y), High: ys(at.y)}
		if at.high > 0 {
			spread.Low, spread.High = ys(at.low), ys(at.high)
		}
		d.Dots = append(d.Dots, spread)
	}
	return d
}

// sliceBySlice draws what both sides of a case did, slice by slice: whether it was steady.
func sliceBySlice(c *Case) plot {
	p := plot{Title: c.Name + ": slices", X: "slice", Y: c.Measured.Unit, Width: plotWidth, Height: plotHeight, Left: plotLeft, Bottom: plotHeight - plotBottom}
	n, top := 2*len(c.Measured.Slices), 0.0
	for _, s := range []*Side{c.Measured, c.Beside} {
		for _, v := range s.Slices {
			top = max(top, v)
		}
	}
	xs := linear(1, float64(max(n, 2)), plotLeft+10, plotWidth-plotRight)
	for i := 1; i <= n; i += max(n/10, 1) {
		p.XTicks = append(p.XTicks, tick{xs(float64(i)), fmt.Sprint(i)})
	}
	ys := p.rising(top)
	for side, s := range []*Side{c.Measured, c.Beside} {
		one := curve{name: s.What}
		for i, v := range s.Slices {
			one.points = append(one.points, point{x: float64(2*i + 1 + side), y: v})
		}
		p.Curves = append(p.Curves, draw(side, one, xs, ys))
	}
	return p
}

// ratios draws all of them, with their goals, on a logarithmic axis.
func (r *Report) ratios() (p plot, any bool) {
	low, high := 0.5, 2.0
	var cases []*Case
	for _, c := range r.Cases {
		if c.Failed != "" || c.Result.Unit != "" || c.Result.Low <= 0 {
			continue
		}
		cases = append(cases, c)
		low, high = min(low, c.Result.Low), max(high, c.Result.High)
		if c.Goal != nil {
			low, high = min(low, c.Goal.Floor, c.Goal.Goal), max(high, c.Goal.Floor, c.Goal.Goal)
		}
	}
	p = plot{Title: "Ratios, service to what is beside it", X: "ratio, with quartiles", Width: plotWidth + nameWidth,
		Left: nameWidth, Bottom: plotTop + float64(barHeight*len(cases))}
	p.Height = p.Bottom + plotBottom
	xs := logarithmic(low/1.2, high*1.2, nameWidth, p.Width-plotRight-60)
	for _, v := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500} {
		if v > low/1.2 && v < high*1.2 {
			p.XTicks = append(p.XTicks, tick{xs(v), fmt.Sprint(v)})
		}
	}
	for i, c := range cases {
		b := bar{Name: c.Name, Text: short(c.Result.Median), Y: plotTop + float64(barHeight*i) + barHeight/2,
			Top: plotTop + float64(barHeight*i) + 3, Base: plotTop + float64(barHeight*(i+1)) - 3,
			At: xs(c.Result.Median), Low: xs(c.Result.Low), High: xs(c.Result.High), Goal: -1, Floor: -1, Class: "none"}
		if c.Goal != nil {
			b.Goal, b.Floor = xs(c.Goal.Goal), xs(c.Goal.Floor)
			b.Class = map[string]string{Reached: "goal", AboveFloor: "above", Missed: "missed"}[c.Goal.Verdict]
		}
		p.Bars = append(p.Bars, b)
	}
	return p, len(cases) > 0
}
