package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// envPrefix begins the name of every environment variable that stands for a
// flag: --poll-max is OPENPAYMENT_POLL_MAX.
const envPrefix = "OPENPAYMENT_"

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// complete gives every flag that was not on the command line the value of its
// environment variable, or else of the file named by --config.
func complete(c *cobra.Command) error {
	if err := eachUnset(c.Flags(), envName, os.LookupEnv); err != nil {
		return err
	}
	file, err := readConfig(c)
	if err != nil {
		return err
	}
	return eachUnset(c.Flags(), func(flag string) string { return flag }, func(name string) (string, bool) {
		value, ok := file[name]
		return value, ok
	})
}

// eachUnset sets the flags that nothing has set, where find knows the name that
// nameOf gives them.
func eachUnset(flags *pflag.FlagSet, nameOf func(string) string, find func(string) (string, bool)) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := find(nameOf(f.Name))
		if !ok || f.Changed || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = usageError{badValue(nameOf(f.Name), f, value)}
		}
	})
	return failed
}

// badValue says what is expected of a flag, by whatever name it was set.
func badValue(name string, f *pflag.Flag, value string) error {
	expected := "a whole number in its range"
	switch f.Value.Type() {
	case "bool":
		expected = "true or false"
	case "duration":
		expected = "a duration, such as 500ms or 2m30s,"
	}
	if words, ok := f.Value.(interface{ expected() string }); ok {
		expected = words.expected()
	}
	return fmt.Errorf("%s %q: %s is expected", name, value, expected)
}

// readConfig reads a flat YAML file: flag names and their values.
func readConfig(c *cobra.Command) (map[string]string, error) {
	path := c.Flags().Lookup("config").Value.String()
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("--config: %w", err)}
	}
	var values map[string]string
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, usageError{fmt.Errorf("--config %s: one \"flag: value\" a line is expected: %w", path, err)}
	}
	for name := range values {
		// One file may serve several commands; root has the flags of serve.
		if c.Flags().Lookup(name) == nil && c.Root().Flags().Lookup(name) == nil || name == "config" {
			return nil, usageError{fmt.Errorf("--config %s: there is no flag %q", path, name)}
		}
	}
	return values, nil
}
