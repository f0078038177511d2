package cassandratest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Version is the Cassandra that is run from Maven Central's jars. A Docker image of the same line (5.0) may be a patch apart.
const Version = "5.0.9"

// mavenTimeout bounds the download, some 70 MB in 100 files.
const mavenTimeout = 4 * time.Minute

//go:embed conf/pom.xml.tmpl
var pomText string

// findJava returns a Java that can run Cassandra 5.0: $JAVA_HOME's, else the one in PATH.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	path, err := exec.LookPath(java)
	if err != nil {
		return "", fmt.Errorf("no Java (17 is needed): %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w", path, err)
	}
	// Java 24 took away the security manager, which Cassandra 5.0 installs.
	if v := javaVersion(string(out)); v < 17 || v > 23 {
		return "", fmt.Errorf("%s is Java %d, Cassandra %s needs 17", path, v, Version)
	}
	return path, nil
}

var javaVersionPattern = regexp.MustCompile(`version "(\d+)`)

// javaVersion reads the feature release out of what `java -version` prints, 0 if it cannot. Java 8 and older call
// themselves 1.x and so come out as 1, which is too old as well.
func javaVersion(text string) int {
	m := javaVersionPattern.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.Atoi(m[1])
	return v
}

// findJars returns the directory with Cassandra's jars, which it fills with Maven's help the first time on a machine.
//
// Test processes may do that at the same time: each downloads into a directory of its own and renames it, and the rename
// that comes first wins. A directory of the final name is therefore always complete.
func findJars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no $HOME, as in some build containers
	}
	return jarsIn(ctx, filepath.Join(cache, "openpayment-test", "cassandra-"+Version))
}

func jarsIn(ctx context.Context, home string) (string, error) {
	lib := filepath.Join(home, "lib")
	if isDir(lib) {
		return lib, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("no Maven to get Cassandra's jars with: %w", err)
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	// Beside the final name, because a rename does not cross file systems.
	tmp, err := os.MkdirTemp(home, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := download(ctx, mvn, tmp); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(tmp, "lib"), lib); err != nil && !isDir(lib) {
		return "", err
	}
	return lib, nil
}

// download has Maven copy Cassandra and all it depends on into dir/lib.
func download(ctx context.Context, mvn, dir string) error {
	var pom strings.Builder
	if err := template.Must(template.New("pom").Parse(pomText)).Execute(&pom, Version); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(pom.String()), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mavenTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "lib"))
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy-dependencies: %w\n%s", errors.Join(err, ctx.Err()), lastLines(string(out), 10))
	}
	jar := filepath.Join(dir, "lib", "cassandra-all-"+Version+".jar")
	if _, err := os.Stat(jar); err != nil {
		return fmt.Errorf("mvn was content, but: %w", err)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// lastLines returns the last n lines of text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
