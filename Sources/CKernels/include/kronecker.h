// Kronecker products of two small matrices with rows of activations or weights, and their gradients.
#pragma once
#include <stddef.h>

/// The transform x -> (x * scale) . (L (x) R) of rows of n1 * n2 floats: a row is an n1 x n2 matrix M, and becomes L'.M.R.
typedef struct {
  size_t n1;
  size_t n2;
  /// n1 * n2 factors, or NULL for ones.
  const float *scale;
  /// L, n1 x n1 row-major, or NULL for the identity.
  const float *left;
  /// R, n2 x n2 row-major, or NULL for the identity.
  const float *right;
  /// R', needed for gradients only.
  const float *right_transposed;
} walsh_kronecker;

/// Gradients by what a transform consists of; each is added to, and NULL where it is not wanted.
typedef struct {
  float *scale;
  float *left;
  float *right;
} walsh_kronecker_sums;

/// y = (x * scale) . (L (x) R) for `rows` rows. `scratch` has room for 2 * n1 * n2 floats. y may be x.
void walsh_kronecker_apply(int isa, const walsh_kronecker *p, const float *x, size_t rows, float *scratch, float *y);

/// With g the gradient of y: writes that of x to `dx` unless it is NULL, and adds to `sums`.
/// `scratch` has room for 4 * n1 * n2 floats.
///
/// G the n1 x n2 matrix of a row of g, S that of x * scale: dS = L.G.R', dL += (S.R).G', dR += S'.(L.G).
void walsh_kronecker_gradients(int isa, const walsh_kronecker *p, const float *x, const float *g, size_t rows,
                               float *scratch, float *dx, const walsh_kronecker_sums *sums);
