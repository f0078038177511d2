// Package openapi is the description of everything the service answers over HTTP,
// after OpenAPI 3.1. It is written by hand, in the YAML files beside this one, by
// noun: what is said there about an operation is what its test holds it to, and what
// the requests and answers of all tests are checked against.
package openapi

import (
	"bytes"
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var sources embed.FS

// files are in the order in which the document has what is in them.
var files = []string{"openapi", "accounts", "money", "commands", "events", "streams", "subscriptions", "appending", "administration", "probes", "documentation", "problems"}

// unversioned is the document as JSON, with an empty version.
var unversioned = sync.OnceValue(func() []byte {
	whole := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range files {
		if err := add(whole, name+".yaml"); err != nil {
			panic(err) // the files are part of the program, and its tests
		}
	}
	return appendJSON(nil, whole)
})

// Document is the whole description as JSON, with the version of the program. It is
// safe for concurrent use.
func Document(version string) []byte {
	filled, err := jsontext.AppendQuote([]byte(`"version":`), version)
	if err != nil {
		return unversioned() // no version has bytes that are not UTF-8
	}
	return bytes.Replace(unversioned(), []byte(`"version":""`), filled, 1)
}

// add puts what a file holds into whole. Members that begin with x- only hold what the
// file itself refers to.
func add(whole *yaml.Node, name string) error {
	text, err := sources.ReadFile(name)
	if err != nil {
		return err
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, m := range members(file.Content[0]) {
		if !strings.HasPrefix(m.name.Value, "x-") {
			root.Content = append(root.Content, m.name, m.value)
		}
	}
	if err := join(whole, root); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// join puts the members of from into those of to. What both have must be objects.
func join(to, from *yaml.Node) error {
	there := make(map[string]*yaml.Node)
	for _, m := range members(to) {
		there[m.name.Value] = m.value
	}
	for _, m := range members(from) {
		has, twice := there[m.name.Value]
		if !twice {
			to.Content = append(to.Content, m.name, m.value)
			continue
		}
		if has.Kind != yaml.MappingNode || m.value.Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: %s is there already", m.name.Line, m.name.Value)
		}
		if err := join(has, m.value); err != nil {
			return err
		}
	}
	return nil
}

type member struct{ name, value *yaml.Node }

// members are those of an object, in their order. The ones that a merge key (<<) brings
// in come in its place.
func members(object *yaml.Node) []member {
	var all []member
	for i := 0; i < len(object.Content); i += 2 {
		name, value := object.Content[i], object.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if name.Tag == "!!merge" {
			all = append(all, members(value)...)
		} else {
			all = append(all, member{name, value})
		}
	}
	return all
}

// appendJSON appends a node as JSON.
func appendJSON(text []byte, node *yaml.Node) []byte {
	switch node.Kind {
	case yaml.AliasNode:
		return appendJSON(text, node.Alias)
	case yaml.MappingNode:
		for i, m := range members(node) {
			text = append(text, "{,"[min(i, 1)])
			text = append(appendJSON(text, m.name), ':')
			text = appendJSON(text, m.value)
		}
		return closed(text, "{}", node)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			text = append(text, "[,"[min(i, 1)])
			text = appendJSON(text, item)
		}
		return closed(text, "[]", node)
	}
	if node.Tag != "!!str" {
		return append(text, node.Value...) // numbers, true, false, null: as in JSON
	}
	text, _ = jsontext.AppendQuote(text, node.Value) // YAML is UTF-8
	return text
}

// closed ends an array or object, which begins with the first of its brackets.
func closed(text []byte, brackets string, node *yaml.Node) []byte {
	if len(node.Content) == 0 {
		text = append(text, brackets[0])
	}
	return append(text, brackets[1])
}
