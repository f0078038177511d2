package cassandra

import (
	"errors"
	"strconv"
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
