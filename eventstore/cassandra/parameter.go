package cassandra

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// text makes a parameter that is kept as it stands; [Config.check] judges it.
func text(name string, field func(*Config) *string, value string) parameter {
	return parameter{
		name: name,
		set:  func(c *Config, v string) error { *field(c) = v; return nil },
		get:  func(c Config) string { return unless(*field(&c) == value, *field(&c)) },
	}
}

func duration(name string, field func(*Config) *time.Duration, value time.Duration) parameter {
	return parameter{
		name: name,
		set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d <= 0 || d > time.Hour {
				return errors.New("expected a duration such as 15s or 500ms, up to 1h")
			}
			*field(c) = d
			return nil
		},
		get: func(c Config) string { return unless(*field(&c) == value, field(&c).String()) },
	}
}

func tlsText(name string, field func(*TLS) *string) parameter {
	return parameter{
		name: name,
		set: func(c *Config, v string) error {
			if c.TLS == nil {
				return errors.New("it counts only together with tls=true")
			}
			*field(c.TLS) = v
			return nil
		},
		get: func(c Config) string {
			if c.TLS == nil {
				return ""
			}
			return *field(c.TLS)
		},
	}
}

func setTLS(c *Config, v string) error {
	on := false
	if err := setBool(&on, v); err != nil {
		return err
	}
	if on {
		c.TLS = &TLS{}
	}
	return nil
}

func setBool(field *bool, v string) error {
	switch v {
	case "true":
		*field = true
	case "false":
		*field = false
	default:
		return errors.New("expected true or false")
	}
	return nil
}

func setBucketSize(c *Config, v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		return errors.New("expected a number of events")
	}
	c.BucketSize = n
	return nil
}

// nearest gives the one of names that a slip of the fingers could have made
// into word, empty if none could.
func nearest(word string, names []string) string {
	best, distance := "", 3 // more than two slips are no slip
	word = strings.ToLower(strings.ReplaceAll(word, "_", "-"))
	if len(word) > 40 {
		return ""
	}
	for _, name := range names {
		if d := slips(word, name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// slips is the Levenshtein distance: how many letters must be put in, left out
// or replaced.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
