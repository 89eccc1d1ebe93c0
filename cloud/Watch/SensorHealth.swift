/// The health of one sensor, judged by its days and those of its peers. A pure function of the days, so that the same days always give the same result.
package struct SensorHealth: Sendable, Equatable {
    package enum Finding: String, Sendable, CaseIterable {
        case drift  // a lasting difference to the peers: a step, a ramp, or another gain
        case noise  // larger changes from hour to hour than expected from the peers
        case flat  // hours without any change, beyond what the sensor had before
    }

    package struct Alarm: Sendable, Equatable {
        package let finding: Finding
        package let since: Int64  // the first day of the fault, as estimated; in days since 1970
        package let foundOn: Int64
        package let size: Double  // drift: %RH above the expectation; noise: ratio; flat: share of still hours
    }

    /// Whether a bias can be observed: with fewer than three peers it cannot.
    package var isBiasObservable = false
    package var alarm: Alarm?  // the first one
    package var peers: [Int] = []  // places of the peers in the list of candidates
    /// The cumulative sum of the newest day, in standard deviations: an alarm is raised at `driftLimit`.
    package var sum = 0.0

    package static let driftLimit = 8.0
    private static let minimumSize = 1.5  // %RH: less than the accuracy of a good sensor is no reason to act
    private static let referenceDays = 120
    private static let gapDays = 42  // between the reference period and the judged day: a slow drift must not become part of the reference
    private static let minimumReferenceDays = 45
    private static let refitDays = 7
    private static let noiseLimit = 2.0
    private static let stillLimit = 0.15
    private static let weekDays = 7

    /// - Parameters:
    ///   - own: the days of the judged sensor, oldest first.
    ///   - candidates: the days of the sensors that may be its peers.
    ///   - first: the first day that is used: the day after a calibration or a repair, or the first day of a dismissed alarm.
    ///   - judged: the last day that was judged before: an alarm is raised for a later day only.
    package static func judge(
        _ own: [SensorDay], peers candidates: [[SensorDay]], from first: Int64 = .min, judged: Int64 = .min
    ) -> SensorHealth {
        let used = own.filter { $0.day >= first && $0.share >= SensorDay.minimumShare }
        guard let start = used.first?.day, let end = used.last?.day, end - start < 100_000 else { return SensorHealth() }
        let length = Int(end - start) + 1
        func placed(_ days: [SensorDay]) -> [SensorDay?] {
            var placed = [SensorDay?](repeating: nil, count: length)
            for day in days where day.day >= start && day.day <= end && day.share >= SensorDay.minimumShare { placed[Int(day.day - start)] = day }
            return placed
        }
        return Judgement(own: placed(used), candidates: candidates.map(placed), start: start).result(judged: judged)
    }

    private struct Judgement {
        let own: [SensorDay?]
        let candidates: [[SensorDay?]]
        let start: Int64

        func result(judged: Int64) -> SensorHealth {
            var health = SensorHealth()
            var model: PeerModel?
            var detector = ChangeDetector()
            for day in own.indices where day >= minimumReferenceDays + gapDays {
                // On the same days of the week, so that another look at the same days gives the same result.
                if model == nil || (start + Int64(day)) % Int64(refitDays) == 0 {
                    // Exclude the days of the current excursion from the reference period; otherwise the model would learn the drift.
                    let excursion = detector.sum > driftLimit / 2 ? detector.changedOn ?? day : day
                    let end = min(day - gapDays, excursion)
                    if end >= minimumReferenceDays { model = PeerModel(own, candidates, over: max(0, end - referenceDays)..<end, for: day) ?? model }
                }
                guard let today = own[day] else { continue }
                if let model, let residual = model.residual(today, candidates, day: day) { detector.add(residual / model.scale, day: day) }
                if start + Int64(day) > judged, let alarm = drift(detector, model, day) ?? flat(day) ?? noise(day, model) {
                    (health.alarm, health.sum) = (alarm, detector.sum)
                    (health.isBiasObservable, health.peers) = (model != nil, model?.peers ?? [])
                    return health
                }
            }
            (health.sum, health.isBiasObservable, health.peers) = (detector.sum, model != nil, model?.peers ?? [])
            return health
        }

        private func drift(_ detector: ChangeDetector, _ model: PeerModel?, _ day: Int) -> Alarm? {
            guard detector.sum >= driftLimit, let model, let since = detector.changedOn else { return nil }
            let residuals = (since...day).compactMap { day in own[day].flatMap { model.residual($0, candidates, day: day) } }
            let size = PeerModel.median(residuals)
            guard size.magnitude >= minimumSize else { return nil }
            return Alarm(finding: .drift, since: start + Int64(since), foundOn: start + Int64(day), size: size)
        }

        /// The share of still hours of the last seven days.
        private func flat(_ day: Int) -> Alarm? {
            guard let recent = mean(\.stillShare, own, day - weekDays + 1...day),
                let before = mean(\.stillShare, own, max(0, day - gapDays - referenceDays)...day - gapDays)
            else { return nil }
            guard recent > max(stillLimit, 3 * before) else { return nil }
            let since = (day - weekDays + 1...day).first { (own[$0]?.stillShare ?? 0) > max(stillLimit, 3 * before) } ?? day
            return Alarm(finding: .flat, since: start + Int64(since), foundOn: start + Int64(day), size: recent)
        }

        /// The changes from hour to hour over the last seven days, relative to the reference period and to the same ratio of the peers.
        private func noise(_ day: Int, _ model: PeerModel?) -> Alarm? {
            guard let model, let ratio = changeRatio(own, day) else { return nil }
            let others = model.peers.compactMap { changeRatio(candidates[$0], day) }
            guard others.count >= PeerModel.minimumPeers else { return nil }
            let relative = ratio / max(1, PeerModel.median(others))
            guard relative > noiseLimit else { return nil }
            return Alarm(
                finding: .noise, since: start + Int64(day - weekDays + 1), foundOn: start + Int64(day), size: relative)
        }

        private func changeRatio(_ days: [SensorDay?], _ day: Int) -> Double? {
            guard let recent = mean(\.change, days, day - weekDays + 1...day),
                let before = mean(\.change, days, max(0, day - gapDays - referenceDays)...day - gapDays), before > 0
            else { return nil }
            return recent / before
        }

        /// The mean over the days that have hourly pairs; `nil` with fewer than half of a week.
        private func mean(_ value: KeyPath<SensorDay, Double>, _ days: [SensorDay?], _ span: ClosedRange<Int>) -> Double? {
            var (sum, count) = (0.0, 0.0)
            for day in span {
                guard let found = days[day], found.hours >= 6 else { continue }
                sum += found[keyPath: value]
                count += 1
            }
            return count >= 4 ? sum / count : nil
        }
    }
}
