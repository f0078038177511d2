// Package both makes one function of two, for those who tell several listeners the
// same: the result calls both, in order. Either may be nil; of two nil functions the
// result is nil, so that what nobody listens to costs nothing.
package both

// Func1 is for functions of one argument.
func Func1[A any](f, g func(A)) func(A) {
	if f == nil || g == nil {
		return either(f, g, f == nil)
	}
	return func(a A) { f(a); g(a) }
}

// Func2 is for functions of two arguments.
func Func2[A, B any](f, g func(A, B)) func(A, B) {
	if f == nil || g == nil {
		return either(f, g, f == nil)
	}
	return func(a A, b B) { f(a, b); g(a, b) }
}

// Func3 is for functions of three arguments.
func Func3[A, B, C any](f, g func(A, B, C)) func(A, B, C) {
	if f == nil || g == nil {
		return either(f, g, f == nil)
	}
	return func(a A, b B, c C) { f(a, b, c); g(a, b, c) }
}

// Func4 is for functions of four arguments.
func Func4[A, B, C, D any](f, g func(A, B, C, D)) func(A, B, C, D) {
	if f == nil || g == nil {
		return either(f, g, f == nil)
	}
	return func(a A, b B, c C, d D) { f(a, b, c, d); g(a, b, c, d) }
}

// Func5 is for functions of five arguments.
func Func5[A, B, C, D, E any](f, g func(A, B, C, D, E)) func(A, B, C, D, E) {
	if f == nil || g == nil {
		return either(f, g, f == nil)
	}
	return func(a A, b B, c C, d D, e E) { f(a, b, c, d, e); g(a, b, c, d, e) }
}

func either[F any](f, g F, second bool) F {
	if second {
		return g
	}
	return f
}
