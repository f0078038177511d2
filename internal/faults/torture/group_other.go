//go:build !unix

package main

import "os/exec"

// ownGroup does nothing here: a command is killed by itself.
func ownGroup(*exec.Cmd) {}

// killGroup does nothing here.
func killGroup(*exec.Cmd) {}
