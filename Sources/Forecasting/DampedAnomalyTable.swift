/// The damped anomaly's weights, measured once; `DampedAnomaly` describes how.
enum DampedAnomalyTable {
    struct Knot {
        let hours: Double
        let humidity: Damping
        let temperature: Damping
        let quantiles: [Double]
    }

    // Columns: hours; course and anomaly of humidity; course and anomaly of temperature; quantiles of the error in deviations at the levels .05
    // .1 .25 .5 .75 .9 .95.
    static let knots: [Knot] = [
        knot(0.1667, (0.060, 0.998), (0.045, 1.002), [-0.15, -0.09, -0.04, 0.00, 0.02, 0.07, 0.12]),
        knot(0.5, (0.190, 0.968), (0.254, 1.020), [-0.39, -0.24, -0.10, -0.01, 0.08, 0.18, 0.31]),
        knot(1, (0.442, 1.005), (0.510, 1.064), [-0.53, -0.36, -0.15, 0.00, 0.15, 0.32, 0.48]),
        knot(2, (0.664, 0.974), (0.752, 1.069), [-0.80, -0.56, -0.25, 0.01, 0.24, 0.52, 0.75]),
        knot(3, (0.760, 0.932), (0.842, 1.044), [-0.99, -0.70, -0.31, 0.01, 0.31, 0.67, 0.96]),
        knot(6, (0.866, 0.805), (0.930, 0.937), [-1.29, -0.95, -0.46, 0.00, 0.45, 0.94, 1.31]),
        knot(9, (0.900, 0.702), (0.958, 0.845), [-1.45, -1.08, -0.54, 0.00, 0.52, 1.08, 1.50]),
        knot(12, (0.912, 0.623), (0.969, 0.786), [-1.54, -1.14, -0.57, -0.01, 0.56, 1.16, 1.60]),
        knot(18, (0.906, 0.531), (0.960, 0.734), [-1.63, -1.21, -0.60, -0.01, 0.58, 1.24, 1.70]),
        knot(24, (0.950, 0.477), (0.950, 0.701), [-1.73, -1.26, -0.61, -0.02, 0.58, 1.28, 1.79]),
        knot(36, (0.922, 0.413), (0.975, 0.633), [-1.92, -1.41, -0.71, -0.01, 0.69, 1.41, 1.93]),
        knot(48, (0.950, 0.309), (0.950, 0.537), [-2.00, -1.46, -0.71, -0.02, 0.69, 1.47, 2.03]),
        knot(72, (0.950, 0.223), (0.950, 0.449), [-2.15, -1.56, -0.74, -0.01, 0.72, 1.55, 2.13]),
        knot(96, (0.950, 0.221), (0.950, 0.407), [-2.22, -1.61, -0.75, 0.00, 0.77, 1.60, 2.22]),
        knot(120, (0.950, 0.203), (0.950, 0.362), [-2.24, -1.62, -0.76, 0.02, 0.78, 1.65, 2.27]),
    ]

    private static func knot(_ hours: Double, _ humidity: (Double, Double), _ temperature: (Double, Double), _ quantiles: [Double]) -> Knot {
        Knot(
            hours: hours, humidity: Damping(course: humidity.0, anomaly: humidity.1),
            temperature: Damping(course: temperature.0, anomaly: temperature.1), quantiles: quantiles)
    }
}
