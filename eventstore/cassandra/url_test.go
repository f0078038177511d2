package cassandra

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
)

// parsed is a Config without what cannot be compared.
func parsed(t *testing.T, text string) Config {
	t.Helper()
	c, err := ParseURL(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c.Log, c.Requests = nil, nil // functions are not to be compared
	return c
}

func TestAURLWithNothingButHostsAndKeyspaceMeansTheDefaults(t *testing.T) {
	want := Config{
		Hosts: []string{"h:9042"}, Keyspace: "ks", LogName: "main", BucketSize: 20_000, Replication: "1",
		Consistency: "QUORUM", SerialConsistency: "SERIAL", Timeout: DefaultTimeout, ConnectTimeout: DefaultConnectTimeout, Migrate: true,
	}
	for _, text := range []string{"cassandra://h/ks", "cassandra://h:9042/ks/", "cassandra://h/ks?"} {
		if got := parsed(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
}

func TestAURLMaySayEverything(t *testing.T) {
	got := parsed(t, "cassandra://me:p%40ss%2F@h1:1,[::1]:2,10.0.0.1,[fe80::1]/k_1?log=a.b&bucket-size=1000&dc=dc1&replication=dc1:3,dc2:2"+
		"&consistency=LOCAL_QUORUM&serial-consistency=LOCAL_SERIAL&timeout=500ms&connect-timeout=2s&migrate=false"+
		"&tls=true&ca=/a%20b&cert=/c&key=/k&server-name=db")
	want := Config{
		Hosts: []string{"h1:1", "[::1]:2", "10.0.0.1:9042", "[fe80::1]:9042"}, Keyspace: "k_1", LogName: "a.b", BucketSize: 1000,
		DataCentre: "dc1", Replication: "dc1:3,dc2:2", Consistency: "LOCAL_QUORUM", SerialConsistency: "LOCAL_SERIAL",
		Username: "me", Password: "p@ss/", TLS: &TLS{CA: "/a b", Cert: "/c", Key: "/k", ServerName: "db"},
		Timeout: 500 * time.Millisecond, ConnectTimeout: 2 * time.Second,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAWrongURLIsRefusedByTheNameOfWhatIsWrong(t *testing.T) {
	for text, wants := range map[string][]string{
		"sqlite:x":                                  {"cassandra://"},
		"cassandra://":                              {"host"},
		"cassandra:///ks":                           {"host"},
		"cassandra://h":                             {"keyspace"},
		"cassandra://h/":                            {"keyspace"},
		"cassandra://h/Ks":                          {"keyspace", "lower case"},
		"cassandra://h/a/b":                         {"keyspace"},
		"cassandra://h:x/ks":                        {"port"},
		"cassandra://h:0/ks":                        {"port", "65535"},
		"cassandra://h:/ks":                         {"port"},
		"cassandra://::1/ks":                        {"port", "[::1]:9042"},
		"cassandra://[::1/ks":                       {"bracket"},
		"cassandra://[h]/ks":                        {"IPv6"},
		"cassandra://[::1]9042/ks":                  {"bracket"},
		"cassandra://h,,g/ks":                       {"host"},
		"cassandra://h g/ks":                        {"host"},
		"cassandra://h/ks#x":                        {"%23"},
		"cassandra://:p@h/ks":                       {"user:password"},
		"cassandra://h/ks?lgo=x":                    {"lgo", "did you mean log?"},
		"cassandra://h/ks?bucket_size=5000":         {"did you mean bucket-size?"},
		"cassandra://h/ks?elephant=1":               {"elephant", "there are bucket-size, ca,"},
		"cassandra://h/ks?log=":                     {"log", "no value"},
		"cassandra://h/ks?log=a&log=b":              {"log", "2 times"},
		"cassandra://h/ks?log=a/b":                  {"log", "letters"},
		"cassandra://h/ks?log=%zz":                  {"question mark"},
		"cassandra://h/ks?bucket-size=many":         {"bucket-size", "number"},
		"cassandra://h/ks?bucket-size=999":          {"bucket-size", "1000"},
		"cassandra://h/ks?bucket-size=9999999999":   {"bucket-size"},
		"cassandra://h/ks?replication=x":            {"replication", "dc1:3"},
		"cassandra://h/ks?consistency=ONE":          {"consistency", "LOCAL_QUORUM"},
		"cassandra://h/ks?serial-consistency=ONE":   {"serial-consistency", "LOCAL_SERIAL"},
		"cassandra://h/ks?consistency=LOCAL_QUORUM": {"dc="},
		"cassandra://h/ks?timeout=5":                {"timeout", "15s"},
		"cassandra://h/ks?timeout=-5s":              {"timeout"},
		"cassandra://h/ks?migrate=no":               {"migrate", "true or false"},
		"cassandra://h/ks?ca=/x":                    {"ca", "tls=true"},
		"cassandra://h/ks?tls=true&cert=/x":         {"cert and key"},
	} {
		_, err := ParseURL(text)
		if eventstore.KindOf(err) != eventstore.KindInvalid {
			t.Errorf("%s: %v, want it invalid", text, err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not mention %q", text, err, want)
			}
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	if got := parsed(t, "cassandra://me:secret@h/ks?dc=x").String(); got != "cassandra://h:9042/ks?dc=x" {
		t.Errorf("shown as %s", got)
	}
	for _, text := range []string{"cassandra://me:%secret@h/ks", "cassandra://:secret@h/ks", "cassandra://me:secret@h/", "cassandra://me:secret@h:x/ks"} {
		if _, err := ParseURL(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("cassandra://u:p@h1:1,[::1]:2/ks?log=x&tls=true&ca=%20&timeout=1m")
	f.Add("cassandra://h/ks?consistency=LOCAL_QUORUM&dc=a&migrate=false&bucket-size=1000&replication=a:1")
	f.Add("cassandra://@@h,/#?&=;%")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseURL(text)
		if err != nil {
			if eventstore.KindOf(err) != eventstore.KindInvalid || strings.ContainsRune(err.Error(), '\n') {
				t.Fatalf("the error is not one clear line: %q", err)
			}
			return
		}
		again, err := ParseURL(c.String())
		if err != nil {
			t.Fatalf("%q is shown as %q, which cannot be read: %v", text, c, err)
		}
		c.Username, c.Password = "", ""
		c.Log, c.Requests, again.Log, again.Requests = nil, nil, nil, nil
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("%q is shown as %q, which is something else:\n%+v\n%+v", text, c, c, again)
		}
	})
}
