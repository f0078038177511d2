package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"openpayment/internal/faults/figures"
)

// markdown writes the report for people.
func (r report) markdown(w io.Writer) {
	fmt.Fprintf(w, "# Long tests of reliability\n\n%s\n", table([]string{"", ""}, [][]string{
		{"began", r.Began.Format(time.RFC3339)},
		{"took", r.Ended.Sub(r.Began).String()},
		{"commit", r.Environment.commit()},
		{"machine", fmt.Sprintf("%d cores, %s of memory, %s", r.Environment.Cores, r.Environment.memory(), r.Environment.System)},
		{"Go", r.Environment.Go},
	}))
	fmt.Fprint(w, r.summary())
	for _, f := range r.Forms {
		f.markdown(w)
	}
}

// summary is a line for each form.
func (r report) summary() string {
	var rows [][]string
	for _, f := range r.Forms {
		rows = append(rows, []string{f.Form, f.Outcome, f.took(), f.What})
	}
	return table([]string{"form", "outcome", "took", "what it is"}, rows)
}

func (r result) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n## %s: %s\n\n```sh\n%s\n```\n", r.Form, r.Outcome, r.Command)
	for _, name := range r.Skipped {
		fmt.Fprintf(w, "\nSkipped: %s\n", name)
	}
	for _, n := range r.Figures {
		scalars, tables, err := tablesOf(n)
		if err != nil {
			fmt.Fprintf(w, "\n%s: %v: `%s`\n", n.Test, err, n.Figures)
			continue
		}
		verdict := ""
		if !n.Passed {
			verdict = failed
		}
		fmt.Fprintf(w, "\n%s", table([]string{n.Test, verdict}, scalars))
		for _, t := range tables {
			fmt.Fprintf(w, "\n%s:\n\n%s", t.name, table(t.header, t.rows))
		}
	}
	if len(r.Tail) > 0 {
		// Longer than any fence within.
		fmt.Fprintf(w, "\nWhat it said last:\n\n`````text\n%s\n`````\n", strings.Join(r.Tail, "\n"))
	}
}

// named is a list of objects among the figures.
type named struct {
	name   string
	header []string
	rows   [][]string
}

// tablesOf makes tables of figures: one of all that are single values, and one for each
// list of objects. The order is that in which they were kept.
func tablesOf(n figures.Note) (scalars [][]string, tables []named, err error) {
	all, err := members(n.Figures)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range all {
		if !strings.HasPrefix(string(m.value), "[") {
			scalars = append(scalars, []string{m.name, words(m.value)})
			continue
		}
		var items []json.RawMessage
		if err := json.Unmarshal(m.value, &items); err != nil {
			return nil, nil, err
		}
		t := named{name: m.name}
		for _, item := range items {
			columns, err := members(item)
			if err != nil {
				return nil, nil, err
			}
			row := make([]string, len(t.header))
			for _, c := range columns {
				i := slices.Index(t.header, c.name)
				if i < 0 {
					i, t.header, row = len(row), append(t.header, c.name), append(row, "")
				}
				row[i] = words(c.value)
			}
			t.rows = append(t.rows, row)
		}
		tables = append(tables, t)
	}
	return append(scalars, []string{"time", time.Duration(n.Seconds * float64(time.Second)).Round(100 * time.Millisecond).String()}), tables, nil
}

// member is one of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members are those of a JSON object, in the order in which they stand there.
func members(object json.RawMessage) (all []member, err error) {
	dec := json.NewDecoder(strings.NewReader(string(object)))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%.80s is not an object", object)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)} // or there would have been an error
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// words are a value for people: of an object its members, of a list its items.
func words(value json.RawMessage) string {
	if all, err := members(value); err == nil {
		var parts []string
		for _, m := range all {
			parts = append(parts, m.name+" "+words(m.value))
		}
		return strings.Join(parts, ", ")
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) == nil {
		var parts []string
		for _, item := range items {
			parts = append(parts, words(item))
		}
		return strings.Join(parts, " / ")
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// table is one of Markdown.
func table(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for i := range header {
			cell := ""
			if i < len(cells) {
				cell = cells[i]
			}
			b.WriteString("| " + strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell) + " ")
		}
		b.WriteString("|\n")
	}
	line(header)
	line(slices.Repeat([]string{"---"}, len(header)))
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
