/// The weights of the damped anomaly at one lead time.
package struct Damping: Sendable {
    package let course: Double
    package let anomaly: Double

    func mixed(with other: Damping, _ share: Double) -> Damping {
        Damping(course: course + (other.course - course) * share, anomaly: anomaly + (other.anomaly - anomaly) * share)
    }

    /// The departure from now. `then` and `now` are climatology at the target and at the origin, each minus the present value.
    func departure(then: Float, now: Float) -> Float { Float(course) * (then - now) + (1 - Float(anomaly)) * now }
}
