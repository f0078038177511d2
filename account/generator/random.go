package generator

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// random is a source of numbers that stay the same for ever: the algorithm of the
// source is laid down, that of the functions on top of it in the standard library
// is not, and so they are not used.
type random struct{ *rand.PCG }

func newRandom(seed uint64) random { return random{rand.NewPCG(seed, 0x6f70656e706179)} }

// below gives a number from 0 to n-1.
func (r random) below(n int) int {
	high, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int(high)
}

// number writes n into eight bytes.
func number(to []byte, n uint64) { binary.BigEndian.PutUint64(to, n) }
