package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminal is one that nobody sits at: what is written to the second is read from the
// first.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	var locked, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Skipf("there are no terminals here: %v", errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestATerminalGetsATableAndAPipeJSON(t *testing.T) {
	served(t)
	person, program := terminal(t)
	read := make(chan string, 1)
	go func() { // ends with the table's last line
		var text strings.Builder
		for lines := bufio.NewScanner(person); lines.Scan() && !strings.HasPrefix(lines.Text(), "updated"); {
			text.WriteString(lines.Text() + "\n")
		}
		read <- text.String()
	}()
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"accounts", "open", "12345678", "--sort-code", "10-20-30"}, program, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	if got := <-read; !strings.HasPrefix(got, "account    12345678\nsort code  10-20-30\n") {
		t.Errorf("%q", got)
	}
	if got := succeed(t, "accounts", "get", "12345678"); !strings.HasPrefix(got, "{") {
		t.Errorf("%q", got)
	}
}
